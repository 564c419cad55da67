/**
 * Tells whether our segments wait in a queue: whether even the fastest of a round trip took longer than the path's least.
 *
 * The thresholds are those of HyStart++ (RFC 9406 section 4.2).
 */

import { LEAST_DELAY_FOR_MS, MAX_QUEUE_MS, MIN_QUEUE_MS, QUEUE_SHARE, ROUND_SAMPLES } from './constants.ts'

const UNKNOWN = Number.POSITIVE_INFINITY

export class QueueDelay {
  /** Least round trip of this period and of the one before, ms. */
  #leastMs = UNKNOWN
  #formerLeastMs = UNKNOWN
  #periodAt = 0
  /** Least round trip of this round and of the one before, ms. */
  #roundMs = UNKNOWN
  #formerRoundMs = UNKNOWN
  #samples = 0
  /** A round ends when this segment is acknowledged. */
  #roundEnd = 0

  /** Least round trip of the round that tells, ms. */
  get roundMs(): number {
    return this.#samples >= ROUND_SAMPLES ? this.#roundMs : this.#formerRoundMs
  }

  get isStanding(): boolean {
    const leastMs = Math.min(this.#leastMs, this.#formerLeastMs)
    const queueMs = Math.min(Math.max(leastMs * QUEUE_SHARE, MIN_QUEUE_MS), MAX_QUEUE_MS)
    return this.roundMs !== UNKNOWN && this.roundMs > leastMs + queueMs
  }

  /**
   * Adds a round trip. Returns whether it begins a round.
   * @param number the newest acknowledged segment
   * @param next the next segment to be sent
   */
  add(ms: number, number: number, next: number, now: number): boolean {
    if (now - this.#periodAt > LEAST_DELAY_FOR_MS) {
      this.#periodAt = now
      this.#formerLeastMs = this.#leastMs
      this.#leastMs = UNKNOWN
    }
    this.#leastMs = Math.min(this.#leastMs, ms)
    const begins = number >= this.#roundEnd
    if (begins) {
      this.#roundEnd = next
      this.#formerRoundMs = this.#roundMs
      this.#roundMs = UNKNOWN
      this.#samples = 0
    }
    this.#roundMs = Math.min(this.#roundMs, ms)
    this.#samples++
    return begins
  }
}
