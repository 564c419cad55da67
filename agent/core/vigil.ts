/**
 * Knows when this node did not run: its machine slept, its process was stopped or got no time.
 *
 * Whatever comes in calls `look` before anything else, and a timer does when nothing comes. A gap between two looks is a
 * time in which this node heard nothing and said nothing, so that others may have gone on without it. The clock counts the
 * time that the machine slept (core/clock.ts), so all causes look the same here. A machine whose every clock stood still (a
 * virtual machine that its host paused) cannot be told this way: the ring's peers `report` it (overlay/given-up.ts).
 *
 * Guarantees that the handlers have run before the look that found the gap returns.
 */

import type { Clock, Timer } from './clock.ts'

/** A look comes at least this often, ms. */
const LOOK_PERIOD_MS = 350
/** A longer gap is an absence, ms. Others give a silent neighbour up after 2 s, and it may have been silent for 0.7 s before. */
export const ABSENT_AFTER_MS = 1_000

export class Vigil {
  readonly #clock: Clock
  readonly #handlers: ((gapMs: number) => void)[] = []
  #lookedAt: number
  #timer: Timer | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    this.#lookedAt = clock.now()
  }

  start(): void {
    this.#lookedAt = this.#clock.now()
    this.#arm()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /** Called with the gap, ms, in the order in which they were added. */
  onAbsence(handler: (gapMs: number) => void): void {
    this.#handlers.push(handler)
  }

  /** To be called before anything else is done with what came in. */
  look(): void {
    const now = this.#clock.now()
    const gapMs = now - this.#lookedAt
    this.#lookedAt = now
    if (gapMs > ABSENT_AFTER_MS && this.#timer !== undefined) this.report(gapMs)
  }

  /** Others say that this node was away for so long, ms. */
  report(gapMs: number): void {
    for (const handler of this.#handlers) handler(gapMs)
  }

  #arm(): void {
    this.#timer = this.#clock.after(LOOK_PERIOD_MS, () => {
      this.#arm()
      this.look()
    })
  }
}
