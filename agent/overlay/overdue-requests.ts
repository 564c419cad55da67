/**
 * Requests to linked nodes that were given up. An answer that comes all the same says how long that node needs. So a slow node is
 * told apart from a line that loses much: a guess that grows with each loss would leave too few tries.
 */

import type { Clock } from '../core/clock.ts'
import { setLatest } from '../core/latest.ts'
import type { Address } from './address.ts'
import { MAX_OVERDUE } from './constants.ts'

export class OverdueRequests {
  readonly #clock: Clock
  /** The oldest first. */
  readonly #askedAt = new Map<number, { readonly of: Address; readonly at: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A request `id`, asked of a linked node at a time, is given up. */
  add(id: number, of: Address, at: number): void {
    setLatest(this.#askedAt, id, { of, at }, MAX_OVERDUE)
  }

  /** How long the answer took that came now, ms; undefined when nothing was asked. */
  answered(id: number, from: Address): number | undefined {
    const asked = this.#askedAt.get(id)
    if (asked?.of !== from) return undefined
    this.#askedAt.delete(id)
    return this.#clock.now() - asked.at
  }
}
