/**
 * The clock of one simulated node: runs a little fast or slow, and can be held.
 *
 * `sleep`: a suspended laptop, whose monotonic clock stands still. `stall`: a process that gets no CPU, whose clock runs
 * on. In both, timers that fell due fire when the node goes on.
 */

import type { Clock, Timer } from '../agent/core/clock.ts'

export type Hold = 'sleep' | 'stall'

export class NodeClock implements Clock {
  readonly #world: Clock
  /** Seconds of this node in a second of the world. */
  readonly #rate: number
  #held: { since: number; hold: Hold } | undefined
  /** World time that this clock did not count. */
  #skipped = 0
  #due: (() => void)[] = []

  constructor(world: Clock, rate = 1) {
    this.#world = world
    this.#rate = rate
  }

  now(): number {
    const asleepSince = this.#held?.hold === 'sleep' ? this.#held.since : undefined
    return ((asleepSince ?? this.#world.now()) - this.#skipped) * this.#rate
  }

  get held(): boolean {
    return this.#held !== undefined
  }

  /** How long it truly takes until this clock shows `at`, ms. */
  untilMs(at: number): number {
    return (at - this.now()) / this.#rate
  }

  after(delayMs: number, task: () => void): Timer {
    let cancelled = false
    const run = () => {
      if (cancelled) return
      if (this.#held === undefined) task()
      else this.#due.push(run)
    }
    const timer = this.#world.after(delayMs / this.#rate, run)
    return {
      cancel: () => {
        cancelled = true
        timer.cancel()
      },
    }
  }

  hold(hold: Hold): void {
    this.#held ??= { since: this.#world.now(), hold }
  }

  resume(): void {
    if (this.#held === undefined) return
    if (this.#held.hold === 'sleep') this.#skipped += this.#world.now() - this.#held.since
    this.#held = undefined
    for (const task of this.#due.splice(0)) task()
  }
}
