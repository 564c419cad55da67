/**
 * The tunnel to one peer of one namespace: the handshake, then the data channel, and the restart of both when they
 * break.
 *
 * Guarantees: no packet is handed up, and none is sent, before the peer proved that it knows the namespace's secret,
 * for this pair of nodes and these nonces. Until then outgoing packets wait in a short queue.
 */

import { Backoff } from '../../core/backoff.ts'
import { equal } from '../../core/bytes.ts'
import type { Timer } from '../../core/clock.ts'
import { Throttle } from '../../core/throttle.ts'
import type { Address } from '../../overlay/address.ts'
import {
  BACKOFF_MAX_MS,
  BACKOFF_MIN_MS,
  COMPLAINT_MS,
  CONNECT_TIMEOUT_MS,
  HANDSHAKE_SPACING_MS,
  HELLO_RETRY_MS,
  HELLO_TRIES,
  REFUSED_BACKOFF_MS,
} from '../constants.ts'
import { HoldQueue } from '../hold-queue.ts'
import { Lane } from '../lane/lane.ts'
import { DataChannel } from './data-channel.ts'
import { confirmWelcome, type HandshakeParts, Responder } from './handshake.ts'
import { encodeMessage, NONCE_BYTES, type TunnelMessage } from './messages.ts'
import type { TunnelParts } from './tunnel-parts.ts'

/** `idle`: nothing in progress; `linking`: the carrier opens a way; `greeting`: hello sent; `open`: both proved. */
type Phase =
  | { readonly name: 'idle' }
  | { readonly name: 'linking'; readonly abort: AbortController }
  | { readonly name: 'greeting'; readonly nonce: Uint8Array; readonly sentAt: number }
  | { readonly name: 'open'; readonly id: number }

export class Tunnel {
  readonly peer: Address
  readonly #parts: TunnelParts
  readonly #held: HoldQueue
  readonly #data: DataChannel
  readonly #lane: Lane | undefined
  #phase: Phase = { name: 'idle' }
  /** The session before this one: its data may still be in flight. */
  #previousId: number | undefined
  #timer: Timer | undefined
  #tries = 0
  readonly #backoff = new Backoff({ minMs: BACKOFF_MIN_MS, maxMs: BACKOFF_MAX_MS })
  #notBefore = 0
  readonly #handshake: HandshakeParts
  readonly #responder: Responder
  /** Limits handshakes that the peer begins: each costs three HMACs. */
  readonly #handshakes: Throttle
  readonly #complaints: Throttle

  constructor(peer: Address, parts: TunnelParts) {
    this.peer = peer
    this.#parts = parts
    this.#held = new HoldQueue(parts.clock, parts.counters)
    const { tag, carrier, clock, counters, fast, onPacket, onLane } = parts
    const send = (message: TunnelMessage) => this.#send(message)
    this.#data = new DataChannel({ peer, tag, carrier, clock, counters, send })
    this.#handshakes = new Throttle(clock, HANDSHAKE_SPACING_MS)
    this.#complaints = new Throttle(clock, COMPLAINT_MS)
    this.#handshake = { self: parts.self, peer, keys: parts.keys, random: parts.random }
    this.#responder = new Responder(this.#handshake)
    this.#lane =
      fast &&
      new Lane({
        ...{ ...parts, peer, fast, send, onChange: onLane, link: this.#data },
        onPacket: (packet) => onPacket(peer, packet),
        onSilent: () => carrier.suspect(peer),
      })
  }

  get isOpen(): boolean {
    return this.#phase.name === 'open'
  }

  /** See `DataChannel.rttMs`. */
  get rttMs(): number | null {
    return this.#data.rttMs
  }

  /** What packets take now. */
  get carrier(): string {
    return this.lane === undefined ? this.#parts.carrier.name : 'udp'
  }

  /** This node's index of the lane that packets take; undefined: they take the carrier. */
  get lane(): number | undefined {
    return this.#lane?.index
  }

  /** See `DataChannel.lastUsed`. */
  get lastUsed(): number {
    return this.#data.lastUsed
  }

  // ---- packets out -----------------------------------------------------------------------------------------------

  /** Copies one IP packet. Returns whether the batch holds packets, which the caller must flush. */
  append(packet: Uint8Array): boolean {
    if (this.#phase.name !== 'open') {
      this.#hold(packet)
      return false
    }
    if (this.#lane?.send(packet) === true) {
      this.#data.used()
      return false
    }
    return this.#data.append(packet)
  }

  flush(): void {
    this.#data.flush()
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
      // Does not wait for the carrier to notice the abort.
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

  #fail(reason: string, pauseMs?: number): void {
    this.#enter({ name: 'idle' })
    const usualMs = this.#backoff.next()
    this.#notBefore = this.#parts.clock.now() + (pauseMs ?? usualMs)
    this.#parts.counters.add(reason)
    this.#held.drop(reason)
    this.#parts.onUnreachable(this.peer)
  }

  /** `began`: this end began the handshake. */
  #open(id: number, began: boolean): void {
    if (this.#phase.name === 'open') this.#previousId = this.#phase.id
    this.#data.open(id)
    this.#enter({ name: 'open', id })
    this.#lane?.open(id, began)
    this.#responder.forget()
    this.#backoff.reset()
    this.#notBefore = 0
    this.#parts.counters.add('tunnel-open')
    for (const packet of this.#held.take()) this.append(packet)
    this.flush()
  }

  // ---- messages in -----------------------------------------------------------------------------------------------

  /** Returns a data message's IP packets if the peer may send them; handles all other messages itself. */
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
        if (this.#isCurrent(message.session)) this.#data.onPong(message.at, message.received)
        return undefined
      case 'ack':
        if (this.#isCurrent(message.session)) this.#data.onAck(message.received)
        return undefined
      case 'laneOffer':
      case 'laneAnswer':
      case 'laneReady':
      case 'laneProbed':
        if (this.#isCurrent(message.session)) this.#lane?.receive(message)
        return undefined
      case 'notMine':
        return undefined // `Tunnels` handles it: it concerns an address, not the session.
    }
  }

  #onData(session: number, packets: Uint8Array): Uint8Array | undefined {
    if (this.#isCurrent(session) || (this.isOpen && session === this.#previousId)) {
      this.#data.heard()
      if (this.#isCurrent(session)) this.#data.got(packets.length)
      return packets
    }
    this.#parts.counters.drop('no-session')
    this.#complain({ kind: 'unknown', session })
    return undefined
  }

  #onPing(session: number, at: number): void {
    if (this.#isCurrent(session)) this.#data.onPing(at)
    else this.#complain({ kind: 'unknown', session })
  }

  #onHello(nonce: Uint8Array): void {
    if (this.#phase.name === 'greeting') {
      // Both began: the node with the lower address goes on; the other answers and resumes only if no confirm comes.
      if (this.#parts.self < this.peer) return
      this.#awaitWelcome(this.#phase.nonce)
    }
    if (!this.#responder.knows(nonce) && !this.#handshakes.admits()) {
      this.#parts.counters.add('handshake-too-soon')
      return
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
    this.#data.measured(this.#parts.clock.now() - sentAt)
    this.#send(confirm)
    this.#open(confirm.session, true)
  }

  #onConfirm(confirm: Extract<TunnelMessage, { kind: 'confirm' }>): void {
    const verdict = this.#responder.judge(confirm)
    if (verdict === 'proven') this.#open(confirm.session, false)
    if (verdict === 'refused') this.#parts.counters.add('handshake-refused')
  }

  #onUnknown(session: number): void {
    if (!this.#isCurrent(session) || this.#parts.clock.now() < this.#notBefore) return
    this.#notBefore = this.#parts.clock.now() + BACKOFF_MIN_MS
    this.#parts.counters.add('tunnel-reopened')
    this.#data.drop()
    this.#greet()
  }

  #isCurrent(session: number): boolean {
    return this.#phase.name === 'open' && this.#phase.id === session
  }

  // ---- watching --------------------------------------------------------------------------------------------------

  /** Called every `TICK_MS`: pings while packets flow, and gives up on a silent peer. */
  tick(): void {
    const flow = this.#lane?.tick(this.#data.isUsed)
    if (flow?.sent === true) this.#data.used()
    if (flow?.got === true) this.#data.heard()
    if (this.#phase.name !== 'open') return
    const state = this.#data.beat()
    if (state === 'quiet') this.#parts.carrier.suspect(this.peer)
    if (state !== 'silent') return
    this.#data.drop()
    this.#lane?.close()
    this.#fail('peer-silent')
  }

  /** The way to the peer broke: the next packet opens another and starts a new handshake. */
  down(): void {
    if (this.#phase.name === 'linking') return // Another way is being opened already.
    this.#data.drop()
    this.#lane?.close()
    this.#responder.forget()
    // A new link may begin a handshake at once.
    this.#handshakes.reset()
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
    this.#data.drop()
    this.#lane?.close()
  }

  /** Throttled: a stranger must not make us talk much. */
  #complain(message: TunnelMessage): void {
    if (this.#complaints.admits()) this.#send(message)
  }

  #send(message: TunnelMessage): void {
    this.#parts.carrier.send(this.peer, encodeMessage(this.#parts.tag, message))
  }
}
