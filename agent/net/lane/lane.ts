/**
 * A tunnel's lane: a way for sealed records, one packet each, straight over UDP to the peer. It is beside the link, on
 * which the two ends agree about it, and which carries the packets while there is no lane.
 *
 * The end that began the tunnel's session offers; the other answers, and takes records from then on; `ready`, or a record,
 * says that the first has the answer, so both send. An offer that comes again is answered as before. Keys are renewed by
 * another offer while the lane goes on, and when nothing arrives any more.
 *
 * Probes show whether records arrive, and how long they may be: until one of full length has arrived, longer packets are
 * sent in halves. When no probe is answered though the link answers, packets take the link again: ends that are too busy to
 * answer are told from a way that does not carry.
 */

import { equal } from '../../core/bytes.ts'
import type { Clock, Timer } from '../../core/clock.ts'
import type { Counters } from '../../core/counters.ts'
import type { Random } from '../../core/random.ts'
import type { NamespaceKeys } from '../../namespace/keys.ts'
import type { LanePath } from '../../native/lanes.ts'
import type { Address } from '../../overlay/address.ts'
import { clampMss } from '../../packet/tcp-mss.ts'
import {
  FORMER_LANE_MS,
  LANE_KEYS_MS,
  LANE_KEYS_RECORDS,
  LANE_OFFER_AGAIN_MS,
  LENGTH_PROBES,
  PROBE_LENGTH_MS,
  PROBE_MS,
  SAFE_PACKET,
} from '../constants.ts'
import type { TunnelMessage } from '../tunnel/messages.ts'
import type { FastPath, LaneEnd } from './fast-path.ts'
import { LANE_NONCE_BYTES, type LaneAgreement, laneKeys } from './lane-keys.ts'
import { type BesideLane, LaneSilence } from './lane-silence.ts'

export interface LaneParts {
  readonly self: Address
  readonly peer: Address
  readonly keys: NamespaceKeys
  readonly fast: FastPath
  /** The longest packet of the tap, bytes. */
  readonly mtu: number
  readonly clock: Clock
  readonly random: Random
  readonly counters: Counters
  readonly send: (message: TunnelMessage) => void
  readonly onPacket: (packet: Uint8Array) => void
  /** `index` is another, or no, lane now. */
  readonly onChange: () => void
  readonly link: BesideLane
  /** Nothing arrives any more, or an end is very busy. */
  readonly onSilent: () => void
}

interface Opened {
  readonly index: number
  readonly madeAt: number
  /** Packets sent and got when last looked at. */
  sent: number
  got: number
}

export class Lane implements LaneEnd {
  readonly peer: Address
  readonly #parts: LaneParts
  readonly #silence: LaneSilence
  /** To the peer, as it was when a session began or it was told of last. */
  #path: LanePath | undefined
  #session: { readonly id: number; readonly offers: boolean } | undefined
  #offered: { readonly index: number; readonly nonce: Uint8Array; sentAt: number } | undefined
  /** Answered, and not known to be ready. */
  #answered: (Opened & { readonly offeringNonce: Uint8Array; readonly answer: LaneAnswer }) | undefined
  #current: Opened | undefined
  #former: { readonly index: number; readonly timer: Timer } | undefined
  #longest = SAFE_PACKET
  #probedAt = Number.NEGATIVE_INFINITY
  #lengthProbedAt = Number.NEGATIVE_INFINITY
  #lengthsUnanswered = 0
  #dead = false

  constructor(parts: LaneParts) {
    this.peer = parts.peer
    this.#parts = parts
    this.#silence = new LaneSilence(parts.clock, parts.link)
  }

  /** This node's index of the lane that packets take; undefined: they take the link. */
  get index(): number | undefined {
    return this.#dead || this.#path === undefined ? undefined : this.#current?.index
  }

  /** A session of the tunnel begins. `offers`: this end began it. */
  open(session: number, offers: boolean): void {
    // The peer may have started again: it would take nothing under the former keys.
    this.close()
    const { fast } = this.#parts
    this.#session = { id: session, offers }
    this.#path = fast.paths.pathTo(this.peer)
    fast.watch(this)
    this.#offer()
  }

  close(): void {
    this.#withdraw()
    this.#session = undefined
    this.#parts.fast.unwatch(this)
    this.#endFormer()
    const current = this.#current
    if (current === undefined) return
    this.#current = undefined
    this.#parts.onChange()
    this.#parts.fast.release(current.index)
  }

  /** Returns false when the packet must take the link. */
  send(packet: Uint8Array): boolean {
    const { index } = this
    if (index === undefined) return false
    if (this.#isNarrow) clampMss(packet, SAFE_PACKET)
    return this.#parts.fast.tables.send(index, packet)
  }

  pathChanged(): void {
    this.#path = this.#parts.fast.paths.pathTo(this.peer)
    // What arrived by the former path says nothing about this one.
    this.#longest = SAFE_PACKET
    this.#lengthsUnanswered = 0
    this.#dead = false
    this.#silence.end()
    this.#takePath(this.#current, this.#answered)
    if (this.#path !== undefined) {
      if (this.#current === undefined) this.#offer()
      else this.#probe(this.#current, this.#parts.mtu)
    }
    this.#parts.onChange()
  }

  took(packet: Uint8Array): void {
    this.#parts.onPacket(packet)
  }

  probed(index: number, length: number): void {
    const session = this.#session?.id
    if (session !== undefined) this.#parts.send({ kind: 'laneProbed', session, index, length })
  }

  receive(message: LaneMessage): void {
    if (message.session !== this.#session?.id) return
    if (message.kind === 'laneOffer') this.#onOffer(message)
    else if (message.kind === 'laneAnswer') this.#onAnswer(message)
    else if (message.kind === 'laneReady') this.#ready(message.index)
    else this.#onProbed(message)
  }

  /** Does what is due. `isUsed`: packets go to the peer. Returns whether any went, or came, since the last time. */
  tick(isUsed: boolean): { readonly sent: boolean; readonly got: boolean } {
    const { clock, fast } = this.#parts
    const now = clock.now()
    if (this.#offered !== undefined && now - this.#offered.sentAt >= LANE_OFFER_AGAIN_MS) this.#sendOffer()
    const answered = this.#answered
    if (answered !== undefined && fast.tables.counts(answered.index).gotPackets > 0) this.#ready(answered.index)
    const lane = this.#current
    if (lane === undefined) return { sent: false, got: false }
    const { sentPackets, gotPackets } = fast.tables.counts(lane.index)
    const flow = { sent: sentPackets > lane.sent, got: gotPackets > lane.got }
    lane.sent = sentPackets
    lane.got = gotPackets
    if (now - lane.madeAt > LANE_KEYS_MS || Math.max(sentPackets, gotPackets) > LANE_KEYS_RECORDS) this.#offer()
    if (flow.sent || isUsed) this.#watch(lane, now)
    else if (!this.#dead) this.#silence.end()
    return flow
  }

  /** Longer records have been tried and do not arrive: connections that begin now are told to send shorter segments. */
  get #isNarrow(): boolean {
    return this.#longest < this.#parts.mtu && this.#lengthsUnanswered > 1
  }

  // ---- agreeing --------------------------------------------------------------------------------------------------

  #offer(): void {
    if (this.#session?.offers !== true || this.#offered !== undefined || this.#path === undefined) return
    const index = this.#parts.fast.claim(this)
    if (index === undefined) return
    this.#offered = { index, nonce: this.#parts.random.bytes(LANE_NONCE_BYTES), sentAt: 0 }
    this.#sendOffer()
  }

  #sendOffer(): void {
    const offered = this.#offered
    if (offered === undefined || this.#session === undefined) return
    offered.sentAt = this.#parts.clock.now()
    this.#parts.send({ kind: 'laneOffer', session: this.#session.id, index: offered.index, nonce: offered.nonce })
  }

  #onOffer({ session, index, nonce }: Extract<LaneMessage, { kind: 'laneOffer' }>): void {
    const { self, peer, fast, random, send } = this.#parts
    if (this.#session?.offers !== false) return
    const former = this.#answered
    if (former !== undefined && former.answer.yours === index && equal(former.offeringNonce, nonce)) {
      send(former.answer)
      return
    }
    this.#withdraw()
    const own = fast.claim(this)
    if (own === undefined) return
    const answer = random.bytes(LANE_NONCE_BYTES)
    const agreement = { offering: peer, answering: self, session, offeringNonce: nonce, answeringNonce: answer }
    const lane = this.#opened(own, index, agreement)
    if (lane === undefined) return
    const message: LaneAnswer = { kind: 'laneAnswer', session, yours: index, index: own, nonce: answer }
    this.#answered = { ...lane, offeringNonce: nonce, answer: message }
    send(message)
  }

  #onAnswer({ session, yours, index, nonce }: Extract<LaneMessage, { kind: 'laneAnswer' }>): void {
    const { self, peer, send } = this.#parts
    const offered = this.#offered
    if (offered === undefined || offered.index !== yours) return
    this.#offered = undefined
    const agreement = { offering: self, answering: peer, session, offeringNonce: offered.nonce, answeringNonce: nonce }
    const lane = this.#opened(yours, index, agreement)
    if (lane === undefined) return
    send({ kind: 'laneReady', session, index })
    this.#use(lane)
  }

  /** The peer sends under the index. */
  #ready(index: number): void {
    if (this.#answered?.index !== index) return
    const { madeAt, sent, got } = this.#answered
    this.#answered = undefined
    this.#use({ index, madeAt, sent, got })
  }

  /** The lane under the claimed index, open; undefined when the tables do not take it. */
  #opened(index: number, remote: number, agreement: LaneAgreement): Opened | undefined {
    const { self, keys, fast, clock } = this.#parts
    const side = agreement.offering === self ? 'offering' : 'answering'
    if (!fast.tables.open(index, remote, laneKeys(keys, agreement, side))) {
      fast.release(index)
      return undefined
    }
    const lane = { index, madeAt: clock.now(), sent: 0, got: 0 }
    this.#takePath(lane)
    return lane
  }

  #takePath(...lanes: readonly (Opened | undefined)[]): void {
    for (const lane of lanes) {
      if (lane !== undefined) this.#parts.fast.tables.setPath(lane.index, this.#path, this.#longest)
    }
  }

  #use(lane: Opened): void {
    const { clock, counters, mtu } = this.#parts
    const before = this.#current
    this.#current = lane
    counters.add(before === undefined ? 'lane-open' : 'lane-renewed')
    if (before !== undefined) {
      this.#endFormer()
      // Records under the former keys are still on their way.
      this.#former = { index: before.index, timer: clock.after(FORMER_LANE_MS, () => this.#endFormer()) }
    }
    this.#probe(lane, mtu)
    this.#parts.onChange()
  }

  #endFormer(): void {
    const former = this.#former
    if (former === undefined) return
    former.timer.cancel()
    this.#parts.fast.release(former.index)
    this.#former = undefined
  }

  /** Forgets what is offered or answered. */
  #withdraw(): void {
    for (const lane of [this.#offered, this.#answered]) if (lane !== undefined) this.#parts.fast.release(lane.index)
    this.#offered = undefined
    this.#answered = undefined
  }

  // ---- watching --------------------------------------------------------------------------------------------------

  #watch(lane: Opened, now: number): void {
    if (!this.#dead) this.#judge()
    const isInDoubt = this.#lengthsUnanswered > 0 && this.#lengthsUnanswered <= LENGTH_PROBES
    if (now - this.#lengthProbedAt >= (isInDoubt ? PROBE_MS : PROBE_LENGTH_MS)) this.#probe(lane, this.#parts.mtu)
    if (now - this.#probedAt >= PROBE_MS) this.#probe(lane, SAFE_PACKET)
  }

  #judge(): void {
    const { counters, onChange, onSilent } = this.#parts
    const verdict = this.#silence.look()
    if (verdict !== 'well') onSilent()
    if (verdict !== 'dead') return
    this.#dead = true
    counters.add('lane-silent')
    onChange()
    // The peer may not know the lane.
    this.#offer()
  }

  #probe(lane: Opened, length: number): void {
    const now = this.#parts.clock.now()
    if (length > SAFE_PACKET) {
      this.#lengthProbedAt = now
      this.#lengthsUnanswered++
      if (this.#lengthsUnanswered > LENGTH_PROBES && this.#longest > SAFE_PACKET) this.#setLongest(SAFE_PACKET)
    } else {
      this.#probedAt = now
      this.#silence.probed()
    }
    // It counts as no packet.
    if (this.#parts.fast.tables.probe(lane.index, length)) lane.sent++
  }

  #onProbed({ length }: Extract<LaneMessage, { kind: 'laneProbed' }>): void {
    this.#silence.end()
    const { mtu } = this.#parts
    if (length >= mtu) {
      this.#lengthsUnanswered = 0
      if (this.#longest < mtu) this.#setLongest(mtu)
    }
    if (!this.#dead) return
    this.#dead = false
    this.#parts.onChange()
  }

  #setLongest(longest: number): void {
    this.#longest = longest
    this.#takePath(this.#current, this.#answered)
  }
}

type LaneAnswer = Extract<TunnelMessage, { kind: 'laneAnswer' }>

export type LaneMessage = Extract<TunnelMessage, { kind: 'laneOffer' | 'laneAnswer' | 'laneReady' | 'laneProbed' }>
