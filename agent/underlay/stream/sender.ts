/**
 * The sending half of a stream: decides which bytes leave in which segment, and when.
 *
 * Lost bytes go first, then new ones. Segments wait for the congestion window, for the pacer, and for the peer's limit;
 * probes wait for nothing. `next` is asked for segments until it has none; `wakeAt` says when to ask again.
 */

import { EMPTY } from '../../core/bytes.ts'
import type { Random } from '../../core/random.ts'
import type { Priority } from '../../overlay/link.ts'
import { earlier } from './alarm.ts'
import { Congestion } from './congestion.ts'
import { LONGEST_TIMEOUT_MS, PROBES, RECEIVE_WINDOW } from './constants.ts'
import { Flight } from './flight.ts'
import { Outbox } from './outbox.ts'
import { Pacer } from './pacer.ts'
import { Ranges } from './ranges.ts'
import { type Ack, overhead, type Segment } from './segments.ts'

export class Sender {
  readonly #maxSegment: number
  readonly #outbox = new Outbox()
  readonly #flight: Flight
  readonly #congestion: Congestion
  readonly #pacer: Pacer
  /** Bytes of the stream that were lost. */
  readonly #again = new Ranges()
  /** Bytes of the stream below this were sent. */
  #offset = 0
  /** The peer takes bytes below this. */
  #limit = RECEIVE_WINDOW
  /** Probes to be sent. */
  #probes = 0
  /** When the pacer lets the next segment go. */
  #paceAt: number | undefined
  /** When to ask a peer for a higher limit: its word may have been lost. */
  #askAt: number | undefined

  constructor({ random, maxSegment }: { random: Random; maxSegment: number }) {
    this.#maxSegment = maxSegment
    this.#flight = new Flight(random)
    this.#congestion = new Congestion(maxSegment)
    this.#pacer = new Pacer(maxSegment)
  }

  /** When `wake` must be called; undefined: not before something arrives or is written. */
  get wakeAt(): number | undefined {
    return earlier(this.#flight.deadline, earlier(this.#paceAt, this.#askAt))
  }

  /** undefined: not measured yet. */
  get roundTripMs(): number | undefined {
    return this.#flight.smoothedMs
  }

  /** Share of segments that were lost lately, 0 to 1. */
  get lossShare(): number {
    return this.#congestion.lossShare
  }

  write(frame: Uint8Array, priority: Priority): boolean {
    return this.#outbox.write(frame, priority)
  }

  /** Returns what the peer must not say, if it says so. */
  acknowledge(ack: Ack, now: number): string | undefined {
    const underWay = this.#flight.bytes
    const timeouts = this.#flight.timeouts
    const news = this.#flight.acknowledge(ack, now)
    if (news === undefined) return 'The peer acknowledges what was never sent.'
    if (ack.limit > this.#limit) {
      this.#limit = ack.limit
      this.#askAt = undefined
    }
    const { acked, notLost, sampled } = news
    this.#congestion.notLost(notLost)
    if (sampled) {
      this.#congestion.measured(this.#flight.latestMs, ack.ranges[0]!.end - 1, this.#flight.next, now)
    }
    if (acked.length > 0) {
      for (const { start, end } of acked) {
        this.#outbox.acknowledge(start, end)
        this.#again.remove(start, end)
      }
      this.#probes = 0
      this.#congestion.acknowledged(acked, now, underWay, this.#flight.smoothedMs ?? 0, timeouts)
    }
    this.#findLost(now)
    return undefined
  }

  /** Does what is due. False: the peer has been silent for too long. */
  wake(now: number): boolean {
    if (this.#askAt !== undefined && this.#askAt <= now) {
      this.#askAt = undefined
      this.#probes = 1
    }
    const deadline = this.#flight.deadline
    if (deadline === undefined || deadline > now) return true
    switch (this.#flight.expire(now)) {
      case 'silent':
        return false
      case 'lost':
        this.#findLost(now)
        return true
      case 'probe':
        this.#probes = 0
        for (const { start, end } of this.#flight.oldest(PROBES)) {
          this.#probes++
          this.#sendAgain(start, end)
        }
        return true
    }
  }

  /** The next segment, which carries an acknowledgement if there is one; undefined when none may leave now. */
  next(now: number, takeAck: () => Ack | undefined): Segment | undefined {
    this.#paceAt = undefined
    const urgent = this.#probes > 0
    const again = this.#again.count > 0
    const offset = again ? this.#again.start(0) : this.#offset
    const end = again ? this.#again.end(0) : this.#limit
    const hasData = again || (offset < end && this.#outbox.reaches(offset))
    if (!hasData) this.#watchLimit(now)
    if (!urgent && !(hasData && this.#mayLeave(now))) return undefined
    const ack = takeAck()
    const number = this.#flight.next
    const around = overhead(ack, { number, offset })
    const data = hasData ? this.#outbox.read(offset, Math.min(end - offset, this.#maxSegment - around)) : EMPTY
    const to = offset + data.length
    if (again) this.#again.remove(offset, to)
    else this.#offset = to
    if (urgent) this.#probes--
    const size = around + data.length
    this.#flight.send({ sentAt: now, start: offset, end: to, size })
    this.#pacer.spend(size)
    return { ack, numbered: { number, urgent, offset, data } }
  }

  #mayLeave(now: number): boolean {
    if (this.#flight.bytes + this.#maxSegment > this.#congestion.window) return false
    const roundTripMs = this.#flight.smoothedMs
    if (roundTripMs === undefined) return true
    const rate = (this.#congestion.pace * this.#congestion.window) / Math.max(roundTripMs, 1)
    this.#pacer.refill(now, rate)
    const readyAt = this.#pacer.readyAt(now, rate)
    if (readyAt > now) this.#paceAt = readyAt
    return readyAt <= now
  }

  /** When only the peer's limit is in the way, it will be asked. */
  #watchLimit(now: number): void {
    const isHeldUp = this.#flight.bytes === 0 && this.#outbox.reaches(this.#offset)
    if (isHeldUp) this.#askAt ??= now + LONGEST_TIMEOUT_MS
  }

  #findLost(now: number): void {
    const lost = this.#flight.takeLost(now)
    if (lost.length === 0) return
    this.#congestion.lost(lost, now)
    for (const { start, end } of lost) this.#sendAgain(start, end)
  }

  #sendAgain(start: number, end: number): void {
    for (const [from, to] of this.#outbox.unacknowledged(start, end)) this.#again.add(from, to)
  }
}
