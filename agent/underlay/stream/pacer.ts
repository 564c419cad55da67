/** Spreads segments over a round trip (RFC 9002 section 7.7): credit grows with time, and each segment spends some. */

import { BURST, PACE_QUANTUM_MS } from './constants.ts'

/** The shortest pause that a timer can make, ms. */
const SHORTEST_PAUSE_MS = 1

export class Pacer {
  readonly #segment: number
  #credit: number
  #at = 0

  /** `segment`: the largest segment, bytes. */
  constructor(segment: number) {
    this.#segment = segment
    this.#credit = BURST * segment
  }

  /** Adds the credit since the last call. `rate`: bytes/ms. */
  refill(now: number, rate: number): void {
    const most = Math.max(BURST * this.#segment, rate * PACE_QUANTUM_MS)
    this.#credit = Math.min(this.#credit + rate * (now - this.#at), most)
    this.#at = now
  }

  spend(bytes: number): void {
    this.#credit -= bytes
  }

  /** When the next segment may leave. */
  readyAt(now: number, rate: number): number {
    if (this.#credit >= this.#segment) return now
    return now + Math.max((this.#segment - this.#credit) / rate, SHORTEST_PAUSE_MS)
  }
}
