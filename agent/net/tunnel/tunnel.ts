/**
 * One peer of one namespace: the handshake, then packets in batches.
 *
 * Promise: no packet is handed up before the peer proved that it knows the namespace's secret, for this pair of nodes and
 * these nonces; none is sent to a peer that did not. Packets that come before that wait in a short queue. On the open
 * path there is no promise and no allocation per packet: `append` copies into the batch, `flush` sends it.
 */

import { equal } from '../../core/bytes.ts'
import type { Clock, Timer } from '../../core/clock.ts'
import type { Counters } from '../../core/counters.ts'
import type { Random } from '../../core/random.ts'
import type { NamespaceKeys } from '../../namespace/keys.ts'
import type { Address } from '../../overlay/address.ts'
import {
  ACK_BYTES,
  ACTIVE_MS,
  BACKOFF_MAX_MS,
  BACKOFF_MIN_MS,
  BATCH_BYTES,
  COMPLAINT_MS,
  CONNECT_TIMEOUT_MS,
  HANDSHAKE_SPACING_MS,
  HEARTBEAT_MS,
  HELLO_RETRY_MS,
  HELLO_TRIES,
  REFUSED_BACKOFF_MS,
  SILENCE_MS,
} from '../constants.ts'
import { HoldQueue } from '../hold-queue.ts'
import type { Carrier } from './carrier.ts'
import { confirmWelcome, type HandshakeParts, Responder } from './handshake.ts'
import { dataPrefix, encodeMessage, NONCE_BYTES, type TunnelMessage } from './messages.ts'
import { PacketBatch } from './packet-batch.ts'
import { SendWindow } from './send-window.ts'

export interface SessionParts {
  readonly self: Address
  readonly keys: NamespaceKeys
  readonly tag: Uint8Array
  readonly carrier: Carrier
  readonly clock: Clock
  readonly random: Random
  readonly counters: Counters
  /** The peer cannot be reached now, or proved to be no member. */
  readonly onUnreachable: (peer: Address) => void
}

/** `idle`: nothing under way; `linking`: the carrier looks for the peer; `greeting`: hello sent; `open`: both proved. */
type Phase =
  | { readonly name: 'idle' }
  | { readonly name: 'linking'; readonly abort: AbortController }
  | { readonly name: 'greeting'; readonly nonce: Uint8Array; readonly sentAt: number }
  | { readonly name: 'open'; readonly id: number }

export class Session {
  readonly peer: Address
  readonly #parts: SessionParts
  readonly #held: HoldQueue
  readonly #createdAt: number
  #phase: Phase = { name: 'idle' }
  /** Data of the session before this one may still be under way. */
  #previousId: number | undefined
  #timer: Timer | undefined
  #tries = 0
  #backoff = BACKOFF_MIN_MS
  #notBefore = 0
  readonly #batch = new PacketBatch()
  readonly #handshake: HandshakeParts
  readonly #responder: Responder
  #window = new SendWindow()
  /** Bytes of data messages of this session that arrived, and how many of them the peer knows of. */
  #received = 0
  #acknowledged = 0
  #rttMs: number | null = null
  #lastSent = Number.NEGATIVE_INFINITY
  #lastHeard = Number.NEGATIVE_INFINITY
  #lastPing = Number.NEGATIVE_INFINITY
  #lastComplaint = Number.NEGATIVE_INFINITY
  /** When the peer last began a handshake. */
  #lastBegun = Number.NEGATIVE_INFINITY

  constructor(peer: Address, parts: SessionParts) {
    this.peer = peer
    this.#parts = parts
    this.#held = new HoldQueue(parts.clock, parts.counters)
    this.#createdAt = parts.clock.now()
    this.#handshake = { self: parts.self, peer, keys: parts.keys, random: parts.random }
    this.#responder = new Responder(this.#handshake)
  }

  get isOpen(): boolean {
    return this.#phase.name === 'open'
  }

  /** Smoothed round trip of handshake and heartbeats, ms; null before the first. */
  get rttMs(): number | null {
    return this.#rttMs
  }

  get carrier(): string {
    return this.#parts.carrier.name
  }

  /** Clock time of the last packet sent or datagram heard, or of its making. */
  get lastUsed(): number {
    return Math.max(this.#createdAt, this.#lastSent, this.#lastHeard)
  }

  // ---- packets out -----------------------------------------------------------------------------------------------

  /** Takes one IP packet (a copy); says whether the batch has begun, so that the caller flushes it. */
  append(packet: Uint8Array): boolean {
    if (this.#phase.name !== 'open') {
      this.#hold(packet)
      return false
    }
    if (this.#batch.lengthWith(packet.length) > BATCH_BYTES) this.flush()
    if (!this.#window.admits(this.#batch.length)) {
      this.#parts.counters.drop('window-full')
      return this.#batch.packets > 0
    }
    this.#batch.push(packet)
    return true
  }

  flush(): void {
    const { packets } = this.#batch
    if (packets === 0) return
    const datagram = this.#batch.take()
    const now = this.#parts.clock.now()
    if (this.#parts.carrier.send(this.peer, datagram)) this.#window.sent(datagram.length, now)
    else this.#parts.counters.drop('carrier-full', packets)
    this.#lastSent = now
  }

  #hold(packet: Uint8Array): void {
    if (this.#phase.name === 'idle' && this.#parts.clock.now() < this.#notBefore) {
      this.#parts.counters.drop('peer-unreachable')
      return
    }
    this.#held.push(packet)
    if (this.#phase.name === 'idle') void this.#link()
  }

  // ---- handshake -------------------------------------------------------------------------------------------------

  async #link(): Promise<void> {
    const { carrier, clock } = this.#parts
    const abort = new AbortController()
    const phase: Phase = { name: 'linking', abort }
    this.#enter(phase)
    this.#timer = clock.after(CONNECT_TIMEOUT_MS, () => {
      abort.abort()
      // The carrier may take its time to notice.
      this.#fail('peer-unreachable')
    })
    try {
      await carrier.open(this.peer, abort.signal)
    } catch {
      if (this.#phase === phase) this.#fail('peer-unreachable')
      return
    }
    if (this.#phase === phase) this.#greet()
  }

  #greet(): void {
    this.#tries = 0
    this.#hello(this.#parts.random.bytes(NONCE_BYTES))
  }

  #hello(nonce: Uint8Array): void {
    const { clock } = this.#parts
    this.#enter({ name: 'greeting', nonce, sentAt: clock.now() })
    this.#send({ kind: 'hello', nonce })
    this.#awaitWelcome(nonce)
  }

  #awaitWelcome(nonce: Uint8Array): void {
    this.#timer?.cancel()
    this.#timer = this.#parts.clock.after(HELLO_RETRY_MS, () => {
      if (this.#phase.name !== 'greeting') return
      this.#tries++
      if (this.#tries >= HELLO_TRIES) this.#fail('peer-silent')
      else this.#hello(nonce)
    })
  }

  #enter(phase: Phase): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#phase = phase
  }

  #fail(reason: string, backoff = this.#backoff): void {
    this.#enter({ name: 'idle' })
    this.#notBefore = this.#parts.clock.now() + backoff
    this.#backoff = Math.min(this.#backoff * 2, BACKOFF_MAX_MS)
    this.#parts.counters.add(reason)
    this.#held.drop(reason)
    this.#parts.onUnreachable(this.peer)
  }

  #open(id: number): void {
    if (this.#phase.name === 'open') this.#previousId = this.#phase.id
    this.flush()
    this.#enter({ name: 'open', id })
    this.#responder.forget()
    this.#backoff = BACKOFF_MIN_MS
    this.#notBefore = 0
    this.#lastHeard = this.#parts.clock.now()
    this.#window = new SendWindow()
    this.#received = 0
    this.#acknowledged = 0
    this.#batch.reset(dataPrefix(this.#parts.tag, id))
    this.#parts.counters.add('tunnel-open')
    for (const packet of this.#held.take()) this.append(packet)
    this.flush()
  }

  // ---- messages in -----------------------------------------------------------------------------------------------

  /** The IP packets of a data message, when the peer may send them; everything else is worked off here. */
  receive(message: TunnelMessage): Uint8Array | undefined {
    switch (message.kind) {
      case 'data':
        return this.#onData(message.session, message.packets)
      case 'hello':
        this.#onHello(message.nonce)
        return undefined
      case 'welcome':
        this.#onWelcome(message)
        return undefined
      case 'confirm':
        this.#onConfirm(message)
        return undefined
      case 'unknown':
        this.#onUnknown(message.session)
        return undefined
      case 'ping':
        this.#onPing(message.session, message.at)
        return undefined
      case 'pong':
        if (!this.#isCurrent(message.session)) return undefined
        this.#window.ponged(message.at, message.received, this.#parts.clock.now())
        this.#measured(this.#parts.clock.now() - message.at)
        return undefined
      case 'ack':
        if (this.#isCurrent(message.session)) this.#window.acknowledged(message.received, this.#parts.clock.now())
        return undefined
      case 'notMine':
        return undefined // The tunnels' matter: it concerns an address, not the session.
    }
  }

  #onData(session: number, packets: Uint8Array): Uint8Array | undefined {
    if (this.#isCurrent(session) || (this.isOpen && session === this.#previousId)) {
      this.#lastHeard = this.#parts.clock.now()
      if (this.#isCurrent(session)) this.#gotData(session, this.#batch.prefixLength + packets.length)
      return packets
    }
    this.#parts.counters.drop('no-session')
    this.#complain({ kind: 'unknown', session })
    return undefined
  }

  #gotData(session: number, bytes: number): void {
    this.#received += bytes
    if (this.#received - this.#acknowledged < ACK_BYTES) return
    this.#acknowledged = this.#received
    this.#send({ kind: 'ack', session, received: this.#received })
  }

  #onPing(session: number, at: number): void {
    if (this.#isCurrent(session)) this.#send({ kind: 'pong', session, at, received: this.#received })
    else this.#complain({ kind: 'unknown', session })
  }

  #onHello(nonce: Uint8Array): void {
    if (this.#phase.name === 'greeting') {
      // Both began: the lower address goes on, the other one answers and only resumes if nothing comes of it.
      if (this.#parts.self < this.peer) return
      this.#awaitWelcome(this.#phase.nonce)
    }
    if (!this.#responder.knows(nonce)) {
      // Each handshake costs three HMACs: a stranger must not make us work much either.
      const now = this.#parts.clock.now()
      if (now - this.#lastBegun < HANDSHAKE_SPACING_MS) {
        this.#parts.counters.add('handshake-too-soon')
        return
      }
      this.#lastBegun = now
    }
    this.#send(this.#responder.welcome(nonce))
  }

  #onWelcome(welcome: Extract<TunnelMessage, { kind: 'welcome' }>): void {
    if (this.#phase.name !== 'greeting' || !equal(this.#phase.nonce, welcome.yours)) return
    const { nonce, sentAt } = this.#phase
    const confirm = confirmWelcome(this.#handshake, nonce, welcome)
    if (confirm === undefined) {
      this.#parts.counters.add('handshake-refused')
      this.#fail('peer-no-member', REFUSED_BACKOFF_MS)
      return
    }
    this.#measured(this.#parts.clock.now() - sentAt)
    this.#send(confirm)
    this.#open(confirm.session)
  }

  #onConfirm(confirm: Extract<TunnelMessage, { kind: 'confirm' }>): void {
    const verdict = this.#responder.judge(confirm)
    if (verdict === 'proven') this.#open(confirm.session)
    if (verdict === 'refused') this.#parts.counters.add('handshake-refused')
  }

  #onUnknown(session: number): void {
    if (!this.#isCurrent(session) || this.#parts.clock.now() < this.#notBefore) return
    this.#notBefore = this.#parts.clock.now() + BACKOFF_MIN_MS
    this.#parts.counters.add('tunnel-reopened')
    this.#dropBatch()
    this.#greet()
  }

  #isCurrent(session: number): boolean {
    return this.#phase.name === 'open' && this.#phase.id === session
  }

  // ---- watching --------------------------------------------------------------------------------------------------

  /** Called about twice a heartbeat: pings while packets flow, and gives up a peer that went silent. */
  tick(): void {
    if (this.#phase.name !== 'open') return
    const now = this.#parts.clock.now()
    if (now - this.#lastSent > ACTIVE_MS || now - this.#lastPing < HEARTBEAT_MS) return
    const pinged = this.#lastPing > this.#lastHeard
    if (pinged && now - this.#lastHeard > SILENCE_MS) {
      this.#dropBatch()
      this.#fail('peer-silent')
      return
    }
    this.#lastPing = now
    const at = Math.floor(now)
    this.#window.pinged(at)
    this.#send({ kind: 'ping', session: this.#phase.id, at })
  }

  /** The way to the peer broke: the next packet looks for another and greets anew. */
  down(): void {
    if (this.#phase.name === 'linking') return // It is being looked for already.
    this.#dropBatch()
    this.#responder.forget()
    // A new link has its own handshake, at once.
    this.#lastBegun = Number.NEGATIVE_INFINITY
    this.#enter({ name: 'idle' })
    if (this.#held.size > 0) void this.#link()
  }

  /** Tells the peer that `ip` is not here. */
  refuseAddress(message: Extract<TunnelMessage, { kind: 'notMine' }>): void {
    this.#complain(message)
  }

  close(): void {
    if (this.#phase.name === 'linking') this.#phase.abort.abort()
    this.#enter({ name: 'idle' })
    this.#held.drop('stopped')
    this.#dropBatch()
  }

  #measured(roundTrip: number): void {
    this.#lastHeard = this.#parts.clock.now()
    if (roundTrip < 0 || roundTrip > SILENCE_MS) return
    this.#rttMs = this.#rttMs === null ? roundTrip : this.#rttMs * 0.75 + roundTrip * 0.25
  }

  #dropBatch(): void {
    if (this.#batch.packets > 0) this.#parts.counters.drop('peer-unreachable', this.#batch.packets)
    this.#batch.clear()
  }

  /** A stranger must not make us talk much. */
  #complain(message: TunnelMessage): void {
    const now = this.#parts.clock.now()
    if (now - this.#lastComplaint < COMPLAINT_MS) return
    this.#lastComplaint = now
    this.#send(message)
  }

  #send(message: TunnelMessage): void {
    this.#parts.carrier.send(this.peer, encodeMessage(this.#parts.tag, message))
  }
}
