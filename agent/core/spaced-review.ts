/** Looks again whenever something may have changed, but not for a while after a look that had consequences. */

import type { Clock, Timer } from './clock.ts'

export class SpacedReview {
  readonly #clock: Clock
  readonly #spacingMs: number
  readonly #look: () => boolean
  #lookedAt = Number.NEGATIVE_INFINITY
  #timer: Timer | undefined
  #stopped = false

  /** @param look returns whether it had consequences */
  constructor(clock: Clock, spacingMs: number, look: () => boolean) {
    this.#clock = clock
    this.#spacingMs = spacingMs
    this.#look = look
  }

  /** Looks now, or once the spacing has passed since the last look that had consequences. */
  ask(): void {
    if (this.#timer !== undefined || this.#stopped) return
    const waitMs = this.#lookedAt + this.#spacingMs - this.#clock.now()
    if (waitMs <= 0) this.#now()
    else {
      this.#timer = this.#clock.after(waitMs, () => {
        this.#timer = undefined
        this.#now()
      })
    }
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  #now(): void {
    // A look that a consequence of this one asks for waits.
    const before = this.#lookedAt
    this.#lookedAt = this.#clock.now()
    if (!this.#look()) this.#lookedAt = before
  }
}
