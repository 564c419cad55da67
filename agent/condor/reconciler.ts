/**
 * Brings something to where it is wanted: one attempt at a time, tried again after a failure with growing pauses.
 *
 * Guarantees that the newest wish wins: `change` calls off the attempt under way, and another follows with nothing of the
 * old one in between.
 */

import { Backoff } from '../core/backoff.ts'
import type { Clock, Timer } from '../core/clock.ts'
import type { WowError } from '../core/errors.ts'

export interface ReconcilerParts {
  readonly clock: Clock
  /** Pauses after a failure, ms: the first, and the longest that doubling leads to. */
  readonly minMs: number
  readonly maxMs: number
  /** Returns early when the wish is out of date. */
  readonly apply: (wish: AbortSignal) => Promise<void>
  readonly explain: (error: unknown) => WowError
  readonly onFailed: (problem: WowError) => void
}

export class Reconciler {
  readonly #parts: ReconcilerParts
  readonly #backoff: Backoff
  /** Aborted by the next change: work that began before is out of date. */
  #wish = new AbortController()
  #working = false
  #retry: Timer | undefined
  #problem: WowError | undefined
  #stopped = false

  constructor(parts: ReconcilerParts) {
    this.#parts = parts
    this.#backoff = new Backoff(parts)
  }

  /** Why the last attempt failed; undefined after one that did not. */
  get problem(): WowError | undefined {
    return this.#problem
  }

  /** Something is wanted differently. */
  change(): void {
    this.#supersede()
    this.#backoff.reset()
    void this.#work()
  }

  stop(): void {
    this.#stopped = true
    this.#supersede()
  }

  #supersede(): void {
    this.#wish.abort()
    this.#wish = new AbortController()
    this.#retry?.cancel()
  }

  async #work(): Promise<void> {
    if (this.#working || this.#stopped) return
    this.#working = true
    let wish: AbortSignal
    do {
      wish = this.#wish.signal
      try {
        await this.#parts.apply(wish)
        this.#problem = undefined
        this.#backoff.reset()
      } catch (error) {
        this.#problem = this.#parts.explain(error)
        this.#parts.onFailed(this.#problem)
        if (!wish.aborted) this.#retry = this.#parts.clock.after(this.#backoff.next(), () => void this.#work())
      }
    } while (wish.aborted && !this.#stopped)
    this.#working = false
  }
}
