/**
 * One timer that is set again and again: moving it to a later time costs nothing. An alarm that is set to no time has no
 * timer: on an idle machine a wake-up costs more than the timer.
 */

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
  /** When to ring; not undefined while the timer runs. */
  #at: number | undefined

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock
    this.#ring = ring
  }

  /** undefined: not at all. */
  set(at: number | undefined): void {
    this.#at = at
    if (at === undefined) this.stop()
    else if (this.#timer === undefined || this.#timerAt > at) this.#arm(at)
  }

  #arm(at: number): void {
    this.#timer?.cancel()
    this.#timerAt = at
    this.#timer = this.#clock.after(at - this.#clock.now(), () => {
      this.#timer = undefined
      if (this.#at! > this.#clock.now()) this.#arm(this.#at!)
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
