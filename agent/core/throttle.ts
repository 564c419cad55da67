/** Lets something happen once in so long: a stranger must not make this node work or talk much. */

import type { Clock } from './clock.ts'

export class Throttle {
  readonly #clock: Clock
  readonly #spacingMs: number
  #last = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, spacingMs: number) {
    this.#clock = clock
    this.#spacingMs = spacingMs
  }

  /** Whether it may happen now; it counts as happened then. */
  admits(): boolean {
    const now = this.#clock.now()
    if (now - this.#last < this.#spacingMs) return false
    this.#last = now
    return true
  }

  /** Lets it happen at once next time. */
  reset(): void {
    this.#last = Number.NEGATIVE_INFINITY
  }
}
