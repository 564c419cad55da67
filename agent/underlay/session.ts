/**
 * A session: what two nodes that have proven themselves to each other say, sealed, until one of them ends it.
 *
 * Guarantees: each payload arrives at most once and unaltered, or not at all. Keys are renewed without a pause; records
 * on their way under the former ones still count. `onClose` is called exactly once, and nothing comes after it.
 */

import type { Timer } from '../core/clock.ts'
import { Throttle } from '../core/throttle.ts'
import type { Address } from '../overlay/address.ts'
import {
  EARLY_PAYLOADS,
  FAREWELL_SPACING_MS,
  FORMER_KEYS_MS,
  HANDSHAKE_LIMIT_MS,
  KEEP_ALIVE_SHARES,
  KEYS_END_AFTER_MS,
  KEYS_END_AFTER_RECORDS,
  LINGER_MS,
  LOOK_MS,
  MAX_DATAGRAM,
  REFUSAL_LIMIT_MS,
  REFUSAL_SPACING_MS,
  REFUSAL_TRIES,
  REKEY_AGAIN_AFTER_MS,
  SILENCE_LIMIT_MS,
} from './constants.ts'
import type { DatagramSocket, UdpEndpoint } from './datagrams.ts'
import { LateAnswers } from './late-answers.ts'
import { type Heard, OutgoingHandshake } from './outgoing-handshake.ts'
import type { AddressedPacket, Receiver, SessionGround } from './receivers.ts'
import { CHALLENGE_BYTES, closeBody, RECORD_OVERHEAD, type RecordKeys } from './records.ts'
import { speakAfterMs } from './silence.ts'
import { Whereabouts } from './whereabouts.ts'

export type PayloadKind = 'control' | 'datagram'
export interface Session {
  readonly peer: Address
  readonly outgoing: boolean
  /** The endpoint that the peer was last proven to be at. */
  readonly remote: UdpEndpoint
  /** The largest payload that `send` takes, bytes. */
  readonly maxPayload: number
  /** For how long nothing need be said on it, ms; it may change. */
  readonly quietMs: number
  /** Seals one payload into one datagram; it may be lost. */
  send(kind: PayloadKind, payload: Uint8Array): void
  /** Something authentic of the peer came from there, outside this session: asks whether the peer has moved. */
  heardFrom(endpoint: UdpEndpoint): void
  /** Asks the peer for answers to where `socket` is seen, which the owner of the silence gets; see late-answers.ts. */
  askLater(socket: Pick<DatagramSocket, 'send'>, question: Uint8Array): void
  close(): void
  /** Where the owner's measurement of the round trip is read, ms. */
  set roundTripMs(read: () => number | undefined)
  set onPayload(handler: (kind: PayloadKind, payload: Uint8Array) => void)
  /** `remote` changed. */
  set onMoved(handler: () => void)
  set onClose(handler: () => void)
}

const SILENT_BODY = new Uint8Array(CHALLENGE_BYTES)

export class NodeSession implements Session {
  readonly peer: Address
  readonly outgoing: boolean
  /** Names the session, at both ends. */
  readonly id: Uint8Array
  readonly maxPayload = MAX_DATAGRAM - RECORD_OVERHEAD
  readonly #ground: SessionGround
  readonly #whereabouts: Whereabouts
  readonly #keepAliveShare: number
  readonly #lateAnswers: LateAnswers
  readonly #onEnd: () => void
  #keys: RecordKeys
  #former: { keys: RecordKeys; timer: Timer } | undefined
  #renewal: OutgoingHandshake | undefined
  #renewAgainAt = 0
  #sentAt: number
  #heardAt: number
  /** Ends the session if the peer, said to be gone, is not heard until then. */
  #refusal: Timer | undefined
  /** When somebody may say so next. */
  #refusableAt = 0
  #roundTripMs: () => number | undefined = () => undefined
  #timer: Timer | undefined
  #ended = false
  #onPayload: ((kind: PayloadKind, payload: Uint8Array) => void) | undefined
  #early: { kind: PayloadKind; payload: Uint8Array }[] = []
  onMoved: () => void = () => {}
  #onClose: (() => void) | undefined

  constructor(
    ground: SessionGround,
    parts: { peer: Address; outgoing: boolean; remote: UdpEndpoint; keys: RecordKeys; onEnd: () => void },
  ) {
    this.#ground = ground
    this.peer = parts.peer
    this.outgoing = parts.outgoing
    this.id = parts.keys.id
    this.#onEnd = parts.onEnd
    this.#keys = parts.keys
    const { least, most } = KEEP_ALIVE_SHARES
    this.#keepAliveShare = least + (most - least) * ground.random.float()
    this.#lateAnswers = new LateAnswers(ground.clock, (body, to) =>
      ground.socket.send(this.#keys.seal('answer', body), to),
    )
    this.#sentAt = ground.clock.now()
    this.#heardAt = this.#sentAt
    this.#whereabouts = new Whereabouts({
      remote: parts.remote,
      clock: ground.clock,
      random: ground.random,
      challenge: (to, nonce) => this.#ground.socket.send(this.#keys.seal('challenge', nonce), to),
    })
    this.#install(parts.keys)
    this.#look()
  }

  get remote(): UdpEndpoint {
    return this.#whereabouts.remote
  }

  get quietMs(): number {
    return speakAfterMs(this.#ground.silence)
  }

  send(kind: PayloadKind, payload: Uint8Array): void {
    if (this.#ended) return
    if (payload.length > this.maxPayload) this.#ground.counters.drop('long-payload')
    else this.#send(kind, payload)
  }

  heardFrom(endpoint: UdpEndpoint): void {
    if (!this.#ended) this.#whereabouts.heard(endpoint, MAX_DATAGRAM)
  }

  askLater(socket: Pick<DatagramSocket, 'send'>, question: Uint8Array): void {
    if (!this.#ended) socket.send(this.#keys.seal('later', question), this.remote)
  }

  set onPayload(handler: (kind: PayloadKind, payload: Uint8Array) => void) {
    this.#onPayload = handler
    const early = this.#early
    this.#early = []
    for (const { kind, payload } of early) handler(kind, payload)
  }

  set onClose(handler: () => void) {
    this.#onClose = handler
    if (this.#ended) handler()
  }

  /** `linger`: whether records that still come are answered. */
  close(linger = true): void {
    if (this.#ended) return
    this.#ended = true
    this.#send('close', closeBody('closed'))
    if (linger) this.#linger()
    else this.#release()
    this.#end()
  }

  /** Somebody says that the peer is gone: asks the peer, and ends the session if it says nothing. */
  refused(): void {
    const now = this.#ground.clock.now()
    if (this.#ended || this.#refusal !== undefined || now < this.#refusableAt) return
    this.#refusableAt = now + REFUSAL_SPACING_MS
    const limitMs = Math.max(REFUSAL_LIMIT_MS, REFUSAL_TRIES * (this.#roundTripMs() ?? 0))
    this.#askWhetherGone(now, limitMs / REFUSAL_TRIES, REFUSAL_TRIES)
  }

  #askWhetherGone(since: number, waitMs: number, tries: number): void {
    const { clock, random, socket, counters } = this.#ground
    socket.send(this.#keys.seal('challenge', random.bytes(CHALLENGE_BYTES)), this.remote)
    this.#refusal = clock.after(waitMs, () => {
      this.#refusal = undefined
      if (this.#heardAt > since) return
      if (tries > 1) {
        this.#askWhetherGone(since, waitMs, tries - 1)
        return
      }
      counters.add('sessions-refused')
      this.close(false)
    })
  }

  set roundTripMs(read: () => number | undefined) {
    this.#roundTripMs = read
  }

  /** Tells the peer that the keys of the last handshake are in use. */
  confirm(): void {
    this.#send('keep-alive', SILENT_BODY)
  }

  /** Takes the keys of another handshake with the same peer. */
  renew(keys: RecordKeys): void {
    this.#dropFormer()
    const former = this.#keys
    this.#former = { keys: former, timer: this.#ground.clock.after(FORMER_KEYS_MS, () => this.#dropFormer()) }
    this.#keys = keys
    this.#install(keys)
    this.#ground.counters.add('sessions-renewed')
  }

  /** Takes an opened record. Returns why it is dropped; undefined when it was taken. */
  take({ record, from, length }: Heard): string | undefined {
    const { type, body } = record
    this.#heardAt = this.#ground.clock.now()
    if (type === 'close') {
      this.#release()
      this.#end()
      return undefined
    }
    if (type === 'later') {
      // It comes from a socket beside the session's: the peer has not moved.
      this.#lateAnswers.onQuestion(body, from)
      return undefined
    }
    if (type === 'answer' && this.#whereabouts.answered(from, body)) {
      this.#ground.counters.add('sessions-moved')
      this.onMoved()
    } else if (type === 'answer') this.#ground.silence.onAnswer?.(body)
    if (!this.outgoing || !this.#ground.openerLeads) this.#whereabouts.heard(from, length)
    if (type === 'challenge') this.#ground.socket.send(this.#keys.seal('answer', body), from)
    this.#watchVolume()
    return type === 'control' || type === 'datagram' ? this.#deliver(type, body) : undefined
  }

  #deliver(kind: PayloadKind, payload: Uint8Array): string | undefined {
    if (this.#onPayload !== undefined) this.#onPayload(kind, payload)
    else if (this.#early.length < EARLY_PAYLOADS) this.#early.push({ kind, payload })
    else return 'early-payload'
    return undefined
  }

  #send(type: PayloadKind | 'keep-alive' | 'close', body: Uint8Array): void {
    this.#sentAt = this.#ground.clock.now()
    this.#ground.socket.send(this.#keys.seal(type, body), this.remote)
    this.#watchVolume()
  }

  #install(keys: RecordKeys): void {
    this.#ground.receivers.pass(keys.local, (packet, from, length) => this.#receive(keys, packet, from, length))
  }

  #receive(keys: RecordKeys, packet: AddressedPacket, from: UdpEndpoint, length: number): string | undefined {
    if (packet.kind === 'third' && !keys.heard) {
      this.#ground.socket.send(keys.seal('keep-alive', SILENT_BODY), this.remote)
      return 'repeated-handshake'
    }
    if (packet.kind !== 'record') return 'misplaced-handshake'
    const record = keys.open(packet)
    return typeof record === 'string' ? record : this.take({ keys, record, from, length })
  }

  /** Does what is due by the clock, and comes back when the next thing is. */
  #look(): void {
    const now = this.#ground.clock.now()
    const { renewal } = this.#ground
    const renewAt = this.outgoing ? Math.max(this.#keys.madeAt + renewal.afterMs, this.#renewAgainAt) : Infinity
    const endAt = Math.min(this.#heardAt + SILENCE_LIMIT_MS, this.#keys.madeAt + KEYS_END_AFTER_MS)
    if (now >= endAt) {
      this.#ground.counters.add('sessions-timed-out')
      this.close()
      return
    }
    if (now >= renewAt) this.#startRenewal()
    const keepAliveMs = this.#ground.silence.allowedMs * this.#keepAliveShare
    if (now >= this.#sentAt + keepAliveMs) this.#send('keep-alive', SILENT_BODY)
    const speakAt = Math.min(this.#sentAt + keepAliveMs, now + LOOK_MS)
    const nextAt = Math.min(speakAt, endAt, now >= renewAt ? this.#renewAgainAt : renewAt)
    this.#timer = this.#ground.clock.after(nextAt - now, () => this.#look())
  }

  #watchVolume(): void {
    const { records } = this.#keys
    if (records < this.#ground.renewal.afterRecords || this.#ended) return
    if (records >= KEYS_END_AFTER_RECORDS) this.close()
    else if (this.outgoing && this.#ground.clock.now() >= this.#renewAgainAt) this.#startRenewal()
  }

  /** The side that opened the session renews its keys, so both never try at once. */
  #startRenewal(): void {
    this.#renewAgainAt = this.#ground.clock.now() + REKEY_AGAIN_AFTER_MS
    this.#renewal?.close()
    const renewal = new OutgoingHandshake(this.#ground, this.remote, {
      onPeer: (peer) => (peer === this.peer ? { kind: 'rekey', session: this.id } : undefined),
      onFirstRecord: (heard) => {
        this.#renewal = undefined
        // The peer does not know this session: nothing that is sent on it arrives.
        if (heard.record.type !== 'close') this.renew(heard.keys)
        else this.#ground.receivers.release(heard.keys.local)
        this.take(heard)
      },
    })
    this.#renewal = renewal
    this.#ground.clock.after(HANDSHAKE_LIMIT_MS, () => {
      if (this.#renewal === renewal) renewal.close()
    })
  }

  #dropFormer(): void {
    if (this.#former === undefined) return
    this.#former.timer.cancel()
    this.#ground.receivers.release(this.#former.keys.local)
    this.#former = undefined
  }

  #release(): void {
    this.#dropFormer()
    this.#ground.receivers.release(this.#keys.local)
  }

  /** For a while, answers each record by saying that the session has ended: the first time may have been lost. */
  #linger(): void {
    this.#dropFormer()
    const { clock, socket, receivers } = this.#ground
    const keys = this.#keys
    const spacing = new Throttle(clock, FAREWELL_SPACING_MS)
    const timer = clock.after(LINGER_MS, () => receivers.release(keys.local))
    const farewell: Receiver = (packet) => {
      const record = packet.kind === 'record' ? keys.open(packet) : 'misplaced-handshake'
      if (typeof record === 'string') return record
      if (record.type === 'close') {
        timer.cancel()
        receivers.release(keys.local)
      } else if (spacing.admits()) socket.send(keys.seal('close', closeBody('closed')), this.remote)
      return 'late-record'
    }
    receivers.pass(keys.local, farewell)
  }

  #end(): void {
    this.#ended = true
    this.#timer?.cancel()
    this.#refusal?.cancel()
    this.#renewal?.close()
    this.#lateAnswers.stop()
    this.#early = []
    this.#onEnd()
    this.#onClose?.()
  }
}
