/**
 * The handshake as the side that asks sees it: sends the first and the third message again until they are answered.
 * Its owner ends it when it has taken too long.
 */

import { concat, equal } from '../core/bytes.ts'
import type { Timer } from '../core/clock.ts'
import { RoundTrip } from '../core/round-trip.ts'
import type { Address } from '../overlay/address.ts'
import { FIRST_ANSWER_MS, LONGEST_ANSWER_MS, MAX_COOKIES, SHORTEST_ANSWER_MS } from './constants.ts'
import type { UdpEndpoint } from './datagrams.ts'
import { Initiator, type Purpose } from './handshake.ts'
import { MAC_BYTES, type Packet } from './packets.ts'
import type { AddressedPacket, SessionGround } from './receivers.ts'
import { type OpenedRecord, RecordKeys } from './records.ts'

/** A record, and where it came from. */
export interface Heard {
  readonly keys: RecordKeys
  readonly record: OpenedRecord
  readonly from: UdpEndpoint
  readonly length: number
}

export interface HandshakeOwner {
  /** The peer is proven. Returns what to ask of it, or undefined when the handshake was closed. */
  onPeer(peer: Address): Purpose | undefined
  /** The peer has said the first thing under the new keys; a `close` when it refuses. Their index is the owner's now. */
  onFirstRecord(heard: Heard, peer: Address): void
}

export class OutgoingHandshake {
  readonly to: UdpEndpoint
  readonly #ground: SessionGround
  readonly #owner: HandshakeOwner
  readonly #index: number
  readonly #initiator: Initiator
  readonly #roundTrip = new RoundTrip({ firstMs: FIRST_ANSWER_MS, longestMs: LONGEST_ANSWER_MS })
  /** What is sent until it is answered. */
  #message: Uint8Array
  #sentAt = 0
  #sentTimes = 0
  #cookies = 0
  #timer: Timer | undefined
  #peer: Address | undefined
  #keys: RecordKeys | undefined

  constructor(ground: SessionGround, to: UdpEndpoint, owner: HandshakeOwner) {
    this.#ground = ground
    this.#owner = owner
    this.to = to
    this.#index = ground.receivers.claim((packet, from, length) => this.#receive(packet, from, length))
    this.#initiator = new Initiator(ground.keys, this.#index)
    this.#message = this.#initiator.first()
    this.#send()
  }

  /** Names the handshake, once its third message is sent. */
  get id(): Uint8Array | undefined {
    return this.#keys?.id
  }

  /** Ends the handshake; its index is free again. */
  close(): void {
    this.#timer?.cancel()
    this.#ground.receivers.release(this.#index)
  }

  #send(): void {
    this.#sentAt = this.#ground.clock.now()
    this.#sentTimes++
    this.#ground.socket.send(this.#message, this.to)
    this.#timer?.cancel()
    this.#timer = this.#ground.clock.after(Math.max(SHORTEST_ANSWER_MS, this.#roundTrip.timeoutMs), () => {
      this.#roundTrip.expire()
      this.#send()
    })
  }

  #sendNext(message: Uint8Array): void {
    this.#message = message
    this.#sentTimes = 0
    this.#send()
  }

  #receive(packet: AddressedPacket, from: UdpEndpoint, length: number): string | undefined {
    if (packet.kind === 'cookie') return this.#takeCookie(packet)
    if (packet.kind === 'second') return this.#takeSecond(packet.noise)
    if (packet.kind !== 'record') return 'misplaced-handshake'
    if (this.#keys === undefined || this.#peer === undefined) return 'early-record'
    const record = this.#keys.open(packet)
    if (typeof record === 'string') return record
    this.#timer?.cancel()
    this.#owner.onFirstRecord({ keys: this.#keys, record, from, length }, this.#peer)
    return undefined
  }

  #takeCookie(packet: Packet & { kind: 'cookie' }): string | undefined {
    if (this.#peer !== undefined || this.#cookies >= MAX_COOKIES) return 'misplaced-cookie'
    const asked = this.#message.subarray(this.#message.length - MAC_BYTES)
    if (!equal(packet.mac, this.#ground.keys.mac(concat(packet.authenticated, asked)))) return 'wrong-mac'
    this.#cookies++
    this.#sendNext(this.#initiator.first(packet.cookie))
    return undefined
  }

  #takeSecond(noise: Uint8Array): string | undefined {
    if (this.#peer !== undefined) return 'repeated-handshake'
    const peer = this.#initiator.readSecond(noise)
    if (peer === undefined) return 'forged-handshake'
    this.#peer = peer
    // An answer to a message sent twice could be to either (Karn's algorithm, RFC 6298 section 3).
    if (this.#sentTimes === 1) this.#roundTrip.observe(this.#ground.clock.now() - this.#sentAt)
    const purpose = this.#owner.onPeer(peer)
    if (purpose === undefined) {
      this.close()
      return undefined
    }
    const third = this.#initiator.third(purpose)
    const agreed = this.#initiator.agreed()
    if (third === undefined || agreed === undefined) return 'forged-handshake'
    this.#keys = new RecordKeys(this.#index, agreed, this.#ground.clock.now())
    this.#sendNext(third)
    return undefined
  }
}
