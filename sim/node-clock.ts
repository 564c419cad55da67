/**
 * The clock of one simulated node. It may run a little fast or slow, and can be held.
 *
 * `sleep`: a suspended laptop; `stall`: a process that gets no CPU. Both clocks count that time. `freeze`: a virtual machine
 * that its host paused, whose clock stands still. In all, timers that fell due fire when the node goes on.
 */

import type { Clock, Timer } from '../agent/core/clock.ts'

export const HOLDS = ['sleep', 'stall', 'freeze'] as const
export type Hold = (typeof HOLDS)[number]

export class NodeClock implements Clock {
  readonly #world: Clock
  /** Seconds on this clock per second of the world. */
  readonly rate: number
  #held: { since: number; hold: Hold } | undefined
  /** World time that this clock did not count. */
  #skipped = 0
  #due: (() => void)[] = []

  constructor(world: Clock, rate = 1) {
    this.#world = world
    this.rate = rate
  }

  now(): number {
    const frozenSince = this.#held?.hold === 'freeze' ? this.#held.since : undefined
    return ((frozenSince ?? this.#world.now()) - this.#skipped) * this.rate
  }

  /** How it is held; undefined: it is not. */
  get held(): Hold | undefined {
    return this.#held?.hold
  }

  /** World time until this clock shows `at`, ms. */
  untilMs(at: number): number {
    return (at - this.now()) / this.rate
  }

  after(delayMs: number, task: () => void): Timer {
    let cancelled = false
    const run = () => {
      if (cancelled) return
      if (this.#held === undefined) task()
      else this.#due.push(run)
    }
    // What rounding leaves of a time may be too short to count in the world's: then it would stand still for good.
    const leastMs = delayMs > 0 ? this.#world.now() * Number.EPSILON : 0
    const timer = this.#world.after(Math.max(leastMs, delayMs / this.rate), run)
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
    if (this.#held.hold === 'freeze') this.#skipped += this.#world.now() - this.#held.since
    this.#held = undefined
    for (const task of this.#due.splice(0)) task()
  }
}
