/**
 * How much may be under way: CUBIC (RFC 9438) with the slow start of HyStart++ (RFC 9406), and one rule more.
 *
 * Loss without a queue is not congestion: the window stays. CUBIC and NewReno take every loss for congestion. At 2 % of
 * random loss and 50 ms that leaves them 9 segments under way, 2 Mbit/s (RFC 9438 section 5.1), on a path that may carry
 * a hundred times as much. A loss is congestion when round trips say that a queue stands, or when more than
 * `MAX_RANDOM_LOSS` of the segments are lost: then a buffer is too short to be seen, or somebody limits the rate.
 */

import {
  INITIAL_WINDOW,
  LOSS_WEIGHT,
  MAX_RANDOM_LOSS,
  MINIMUM_WINDOW,
  PACE,
  PERSISTENT_CONGESTION,
  SLOW_START_PACE,
} from './constants.ts'
import type { Sent } from './flight.ts'
import { QueueDelay } from './queue-delay.ts'

/** RFC 9438 section 4.6: what is left of the window after congestion. */
const BETA = 0.7
/** RFC 9438 section 5: segments/s³. */
const C = 0.4
/** RFC 9438 section 4.3: growth of Reno's window that is as fair as Reno with another beta. */
const ALPHA = (3 * (1 - BETA)) / (1 + BETA)
/** RFC 9406 section 4.3: slow start goes on so many rounds, so much slower, to see whether the queue was a real one. */
const CONSERVATIVE_ROUNDS = 5
const CONSERVATIVE_GROWTH = 1 / 4

export class Congestion {
  readonly #segment: number
  readonly #queue = new QueueDelay()
  #window: number
  #slowStartBelow = Number.POSITIVE_INFINITY
  /** Segments sent before this do not change the window again. */
  #recoverySince = Number.NEGATIVE_INFINITY
  #lossShare = 0
  /** The conservative rounds of slow start: the round trip that began them, ms. */
  #conservativeMs: number | undefined
  #conservativeRounds = 0
  /** When CUBIC's curve starts; undefined: with the next growth. */
  #curveAt: number | undefined
  /** The curve's plateau, bytes, and how long after its start it is reached, s. */
  #plateau = 0
  #plateauAfter = 0
  /** What Reno's window would be, bytes. */
  #reno = 0
  #ackedAt = 0

  /** `segment`: the largest segment, bytes. */
  constructor(segment: number) {
    this.#segment = segment
    this.#window = INITIAL_WINDOW * segment
  }

  /** Share of lost segments, a moving mean, 0 to 1. */
  get lossShare(): number {
    return this.#lossShare
  }

  /** Bytes that may be under way. */
  get window(): number {
    return this.#window
  }

  /** How many windows leave in a round trip. */
  get pace(): number {
    return this.#isSlowStart ? SLOW_START_PACE : PACE
  }

  get #isSlowStart(): boolean {
    return this.#window < this.#slowStartBelow
  }

  /** A round trip, ms, was measured on segment `number`; `next` is the next to be sent. */
  measured(ms: number, number: number, next: number, now: number): void {
    const begins = this.#queue.add(ms, number, next, now)
    if (!this.#isSlowStart) return
    if (this.#conservativeMs === undefined) {
      if (!this.#queue.isStanding) return
      this.#conservativeMs = this.#queue.roundMs
      this.#conservativeRounds = 0
    } else if (this.#queue.roundMs < this.#conservativeMs) this.#conservativeMs = undefined
    else if (begins && ++this.#conservativeRounds >= CONSERVATIVE_ROUNDS) this.#slowStartBelow = this.#window
  }

  /**
   * Segments arrived.
   * @param underWay bytes under way before that: a window that was not used does not grow
   * @param timeouts probe timeouts before that
   */
  acknowledged(acked: readonly Sent[], now: number, underWay: number, smoothedMs: number, timeouts: number): void {
    const sinceLastMs = now - this.#ackedAt
    this.#ackedAt = now
    this.#lossShare *= (1 - LOSS_WEIGHT) ** acked.length
    if (timeouts >= PERSISTENT_CONGESTION) this.#restart(now)
    const isUsed = this.#isSlowStart
      ? underWay > this.#window / 2
      : underWay > this.#window - (MINIMUM_WINDOW + 1) * this.#segment
    if (!isUsed) {
      // RFC 9438 section 5.8: the curve stands still.
      if (this.#curveAt !== undefined) this.#curveAt += sinceLastMs
      return
    }
    let bytes = 0
    for (const { sentAt, size } of acked) if (sentAt > this.#recoverySince) bytes += size
    if (!this.#isSlowStart) this.#follow(bytes, now, smoothedMs)
    else this.#window += this.#conservativeMs === undefined ? bytes : bytes * CONSERVATIVE_GROWTH
  }

  /** Segments were lost; there is at least one. */
  lost(lost: readonly Sent[], now: number): void {
    for (const _ of lost) this.#lossShare += LOSS_WEIGHT * (1 - this.#lossShare)
    if (lost.at(-1)!.sentAt <= this.#recoverySince) return
    if (!this.#queue.isStanding && this.#lossShare <= MAX_RANDOM_LOSS) return
    this.#recoverySince = now
    // RFC 9438 section 4.7: a window that shrinks makes room for others.
    this.#plateau = this.#window < this.#plateau ? (this.#window * (1 + BETA)) / 2 : this.#window
    this.#window = Math.max(this.#window * BETA, MINIMUM_WINDOW * this.#segment)
    this.#slowStartBelow = this.#window
    this.#curveAt = undefined
  }

  /** So many segments that were taken for lost had only been overtaken. */
  notLost(count: number): void {
    this.#lossShare = Math.max(0, this.#lossShare - count * LOSS_WEIGHT)
  }

  #restart(now: number): void {
    this.#recoverySince = now
    this.#window = MINIMUM_WINDOW * this.#segment
    this.#curveAt = undefined
    this.#conservativeMs = undefined
  }

  /** RFC 9438 sections 4.2 to 4.5. */
  #follow(bytes: number, now: number, smoothedMs: number): void {
    if (this.#curveAt === undefined) {
      this.#curveAt = now
      this.#plateau = Math.max(this.#plateau, this.#window)
      this.#plateauAfter = Math.cbrt((this.#plateau - this.#window) / this.#segment / C)
      this.#reno = this.#window
    }
    const seconds = (now - this.#curveAt + smoothedMs) / 1_000
    const curve = this.#plateau + C * (seconds - this.#plateauAfter) ** 3 * this.#segment
    this.#reno += (this.#reno < this.#plateau ? ALPHA : 1) * this.#segment * (bytes / this.#window)
    const target = Math.min(Math.max(curve, this.#window), 1.5 * this.#window)
    this.#window = Math.max(this.#reno, this.#window + (target - this.#window) * (bytes / this.#window))
  }
}
