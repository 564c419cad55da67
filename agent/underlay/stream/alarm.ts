/** One timer that is set again and again: moving it to a later time costs nothing. */

import type { Clock, Timer } from '../../core/clock.ts'

/** The earlier of two times; undefined is never. */
export function earlier(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || (b !== undefined && b < a) ? b : a
}

export class Alarm {
  readonly #clock: Clock
  readonly #ring: () => void
  #timer: Timer | undefined
  /** When the timer fires. */
  #timerAt = 0
  #at: number | undefined

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock
    this.#ring = ring
  }

  /** undefined: not at all. */
  set(at: number | undefined): void {
    this.#at = at
    if (at === undefined || (this.#timer !== undefined && this.#timerAt <= at)) return
    this.#timer?.cancel()
    this.#arm(at)
  }

  #arm(at: number): void {
    this.#timerAt = at
    this.#timer = this.#clock.after(at - this.#clock.now(), () => {
      this.#timer = undefined
      if (this.#at === undefined) return
      if (this.#at > this.#clock.now()) this.#arm(this.#at)
      else this.#ring()
    })
  }

  /** Also frees the timer. */
  stop(): void {
    this.#at = undefined
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
