/**
 * Detects that this node did not run: its machine slept, or its process was stopped or got no CPU.
 *
 * Every input calls `look` first, and a timer calls it when there is no input. In a gap between two looks this node heard
 * and said nothing, so others may have gone on without it. The clock counts time that the machine slept (core/clock.ts),
 * so all causes look the same here. A virtual machine that its host paused has no clock that counts: its peers `report` the
 * absence (overlay/given-up.ts).
 *
 * Guarantees that all handlers have run when the look that found the gap returns.
 *
 * Other work that is due several times a second shares the timer: each wake-up of an idle process costs more than the work.
 */

import type { Clock, Timer } from './clock.ts'

/** The timer looks this often, ms. */
export const BEAT_MS = 350
/** A longer gap is an absence, ms. Peers give up a neighbour after 2 s of silence, of which 0.7 s may precede the gap. */
export const ABSENT_AFTER_MS = 1_000

export class Vigil {
  readonly #clock: Clock
  readonly #handlers: ((gapMs: number) => void)[] = []
  readonly #beats: (() => void)[] = []
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

  /** Handlers are called with the gap, ms, in the order in which they were added. */
  onAbsence(handler: (gapMs: number) => void): void {
    this.#handlers.push(handler)
  }

  /** Calls `task` every `BEAT_MS`, after the look. */
  onBeat(task: () => void): void {
    this.#beats.push(task)
  }

  /** Call this before handling any input. */
  look(): void {
    const now = this.#clock.now()
    const gapMs = now - this.#lookedAt
    this.#lookedAt = now
    if (gapMs > ABSENT_AFTER_MS && this.#timer !== undefined) this.report(gapMs)
  }

  /** Peers say that this node was away for `gapMs`. */
  report(gapMs: number): void {
    for (const handler of this.#handlers) handler(gapMs)
  }

  #arm(): void {
    this.#timer = this.#clock.after(BEAT_MS, () => {
      this.#arm()
      this.look()
      for (const task of this.#beats) task()
    })
  }
}
