/** A token bucket: so much a second, and a few seconds' worth at once. */

import type { Clock } from './clock.ts'

export class Budget {
  readonly #clock: Clock
  readonly #burstS: number
  #left: number
  #at: number

  /** Full at first. */
  constructor(clock: Clock, perSecond: number, burstS: number) {
    this.#clock = clock
    this.#burstS = burstS
    this.#left = perSecond * burstS
    this.#at = clock.now()
  }

  /** Takes `amount` when that much is left. `perSecond` may change from call to call. */
  take(amount: number, perSecond: number): boolean {
    const now = this.#clock.now()
    this.#left = Math.min(perSecond * this.#burstS, this.#left + ((now - this.#at) / 1000) * perSecond)
    this.#at = now
    if (this.#left < amount) return false
    this.#left -= amount
    return true
  }
}
