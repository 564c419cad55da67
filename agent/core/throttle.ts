/** Admits an action at most once per interval, so that a stranger cannot make this node work or talk much. */

import type { Clock } from './clock.ts'

export class Throttle {
  readonly #clock: Clock
  readonly #spacingMs: number
  #last = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, spacingMs: number) {
    this.#clock = clock
    this.#spacingMs = spacingMs
  }

  /** Whether the action may happen now. If so, it counts as done. */
  admits(): boolean {
    const now = this.#clock.now()
    if (now - this.#last < this.#spacingMs) return false
    this.#last = now
    return true
  }

  /** Admits the next action at once. */
  reset(): void {
    this.#last = Number.NEGATIVE_INFINITY
  }
}
