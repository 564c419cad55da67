/**
 * Brings something to a wanted state: one attempt at a time, retried after a failure with growing pauses.
 *
 * Guarantees that the newest wish wins: `change` aborts the running attempt, and the next attempt starts when it has
 * ended.
 */

import { Backoff } from '../core/backoff.ts'
import type { Clock, Timer } from '../core/clock.ts'
import type { WowError } from '../core/errors.ts'

export interface ReconcilerParts {
  readonly clock: Clock
  /** First and longest pause after a failure, ms; each is twice the one before. */
  readonly minMs: number
  readonly maxMs: number
  /** Should return early when the wish is aborted. */
  readonly apply: (wish: AbortSignal) => Promise<void>
  readonly explain: (error: unknown) => WowError
  readonly onFailed: (problem: WowError) => void
}

export class Reconciler {
  readonly #parts: ReconcilerParts
  readonly #backoff: Backoff
  /** Aborted by the next change, which makes work begun before it obsolete. */
  #wish = new AbortController()
  #working = false
  #retry: Timer | undefined
  #problem: WowError | undefined
  #stopped = false

  constructor(parts: ReconcilerParts) {
    this.#parts = parts
    this.#backoff = new Backoff(parts)
  }

  /** Why the last attempt failed; undefined if it succeeded. */
  get problem(): WowError | undefined {
    return this.#problem
  }

  /** The wanted state changed. */
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
