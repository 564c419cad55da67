/** Which sub-keys had an entry that ended by itself, and when. Bounded: the oldest is forgotten first. */

import type { Clock } from '../core/clock.ts'
import { ENDING_MS, ENDINGS_REMEMBERED } from './constants.ts'
import type { SubKey } from './dht.ts'

export class Endings {
  readonly #clock: Clock
  /** In the order in which they were noticed. */
  readonly #endedAt = new Map<SubKey, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Clock time, ms; undefined when none is remembered. */
  of(subKey: SubKey): number | undefined {
    const endedAt = this.#endedAt.get(subKey)
    return endedAt !== undefined && endedAt > this.#horizon() ? endedAt : undefined
  }

  add(subKey: SubKey, endedAt: number): void {
    this.#endedAt.delete(subKey)
    this.#endedAt.set(subKey, endedAt)
    this.#forget()
  }

  #forget(): void {
    const horizon = this.#horizon()
    for (const [subKey, endedAt] of this.#endedAt) {
      if (endedAt > horizon && this.#endedAt.size <= ENDINGS_REMEMBERED) return
      this.#endedAt.delete(subKey)
    }
  }

  /** What ended before is forgotten. */
  #horizon(): number {
    return this.#clock.now() - ENDING_MS
  }
}
