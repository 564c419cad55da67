/**
 * Handshakes that others began, until their peer is proven.
 *
 * Guarantees, whatever strangers send: no datagram is answered with a longer one; no more than `MAX_HALF_OPEN`
 * handshakes are remembered; beyond a few, work begins only for who has shown that it receives at its endpoint; and
 * nothing is sent that was not asked for.
 */

import { equal, hex } from '../core/bytes.ts'
import type { Timer } from '../core/clock.ts'
import type { Address } from '../overlay/address.ts'
import { HANDSHAKE_LIMIT_MS, MAX_HALF_OPEN } from './constants.ts'
import { Cookies } from './cookies.ts'
import type { UdpEndpoint } from './datagrams.ts'
import { type Purpose, Responder } from './handshake.ts'
import { HandshakeLoad } from './handshake-load.ts'
import { COOKIE_BYTES, INDEX_BYTES, KIND, type Packet, packetTo, uint32At } from './packets.ts'
import type { AddressedPacket, SessionGround } from './receivers.ts'
import { type CloseReason, closeBody, RecordKeys } from './records.ts'
import { DH_BYTES } from './x25519.ts'

type FirstPacket = Packet & { kind: 'first' }

/** A peer that has proven who it is and that it receives at `remote`. */
export interface Proven {
  readonly peer: Address
  readonly purpose: Purpose
  readonly keys: RecordKeys
  readonly remote: UdpEndpoint
  /** Number of the event that its first message was, as `Sequence` counts them. */
  readonly heardAs: number
}

/** Returns why the peer is refused; undefined when it is taken: then the index of the keys is the session's. */
export type Judge = (proven: Proven) => CloseReason | undefined

const NO_COOKIE = new Uint8Array(COOKIE_BYTES)

export class IncomingHandshakes {
  readonly #ground: SessionGround
  readonly #judge: Judge
  readonly #next: () => number
  readonly #cookies: Cookies
  readonly #load: HandshakeLoad
  /** Oldest first. */
  readonly #halfOpen = new Map<string, HalfOpen>()

  /** `next`: numbers events in their order. */
  constructor(ground: SessionGround, next: () => number, judge: Judge) {
    this.#ground = ground
    this.#next = next
    this.#judge = judge
    this.#cookies = new Cookies(ground.clock, ground.random, (present, former) =>
      ground.setGate?.({ mac: ground.keys.macKey, cookies: [present, former] }),
    )
    this.#load = new HandshakeLoad(ground.clock)
  }

  /** Returns why a first message is dropped; undefined when it was taken. */
  receive(packet: FirstPacket, from: UdpEndpoint): string | undefined {
    if (!equal(packet.mac, this.#ground.keys.mac(packet.authenticated))) return 'wrong-mac'
    if (!this.#load.looks()) return 'handshake-flood'
    const name = `${from} ${hex(packet.noise.subarray(0, DH_BYTES + INDEX_BYTES))}`
    const known = this.#halfOpen.get(name)
    if (known !== undefined) {
      known.answer()
      return undefined
    }
    const shown = !equal(packet.cookie, NO_COOKIE) && this.#cookies.isRight(from, packet.cookie)
    if (shown)
      return this.#load.admits(this.#ground.networkOf(from)) ? this.#begin(name, packet.noise, from) : 'handshake-rate'
    if (this.#load.admitsStranger(this.#halfOpen.size)) return this.#begin(name, packet.noise, from)
    this.#ground.socket.send(this.#cookieReply(packet, from), from)
    return 'handshake-without-cookie'
  }

  close(): void {
    for (const halfOpen of [...this.#halfOpen.values()]) halfOpen.close()
  }

  #begin(name: string, first: Uint8Array, from: UdpEndpoint): string | undefined {
    const halfOpen = HalfOpen.begin(this.#ground, first, from, {
      heardAs: this.#next(),
      judge: this.#judge,
      closed: () => this.#halfOpen.delete(name),
    })
    if (halfOpen === undefined) return 'forged-handshake'
    this.#halfOpen.set(name, halfOpen)
    if (this.#halfOpen.size > MAX_HALF_OPEN) {
      this.#ground.counters.drop('half-open-handshake')
      this.#halfOpen.values().next().value!.close()
    }
    halfOpen.answer()
    return undefined
  }

  #cookieReply(packet: FirstPacket, from: UdpEndpoint): Uint8Array {
    const body = packetTo(KIND.cookie, uint32At(packet.noise, DH_BYTES), this.#cookies.for(from))
    const mac = this.#ground.keys.mac(body, packet.mac)
    const reply = new Uint8Array(body.length + mac.length)
    reply.set(body)
    reply.set(mac, body.length)
    return reply
  }
}

interface HalfOpenParts {
  readonly heardAs: number
  readonly judge: Judge
  closed(): void
}

class HalfOpen {
  readonly #ground: SessionGround
  readonly #from: UdpEndpoint
  readonly #parts: HalfOpenParts
  readonly #index: number
  readonly #timer: Timer
  #responder: Responder | undefined
  /** The peer was refused: it hears so as often as it asks. */
  #refusal: { keys: RecordKeys; reason: CloseReason } | undefined

  /** undefined when the peer's key is no good. */
  static begin(
    ground: SessionGround,
    first: Uint8Array,
    from: UdpEndpoint,
    parts: HalfOpenParts,
  ): HalfOpen | undefined {
    const halfOpen = new HalfOpen(ground, from, parts)
    halfOpen.#responder = Responder.answer(ground.keys, first, halfOpen.#index)
    if (halfOpen.#responder !== undefined) return halfOpen
    halfOpen.close()
    return undefined
  }

  private constructor(ground: SessionGround, from: UdpEndpoint, parts: HalfOpenParts) {
    this.#ground = ground
    this.#from = from
    this.#parts = parts
    this.#index = ground.receivers.claim((packet) => this.#receive(packet))
    this.#timer = ground.clock.after(HANDSHAKE_LIMIT_MS, () => this.close())
  }

  answer(): void {
    if (this.#refusal === undefined) this.#ground.socket.send(this.#responder!.second, this.#from)
  }

  close(): void {
    this.#ground.receivers.release(this.#index)
    this.#forget()
  }

  #forget(): void {
    this.#timer.cancel()
    this.#parts.closed()
  }

  #receive(packet: AddressedPacket): string | undefined {
    if (packet.kind === 'record') return 'early-record'
    if (packet.kind !== 'third') return 'misplaced-handshake'
    const dropped = this.#refusal === undefined ? this.#takeThird(packet.noise) : 'repeated-handshake'
    if (this.#refusal !== undefined) {
      const { keys, reason } = this.#refusal
      this.#ground.socket.send(keys.seal('close', closeBody(reason)), this.#from)
    }
    return dropped
  }

  #takeThird(noise: Uint8Array): string | undefined {
    const asked = this.#responder!.readThird(noise)
    const agreed = this.#responder!.agreed()
    if (asked === undefined || agreed === undefined) return 'forged-handshake'
    const keys = new RecordKeys(this.#index, agreed, this.#ground.clock.now())
    const reason = this.#parts.judge({ ...asked, keys, remote: this.#from, heardAs: this.#parts.heardAs })
    if (reason === undefined) {
      this.#forget()
      return undefined
    }
    this.#refusal = { keys, reason }
    return `handshake-refused-${reason}`
  }
}
