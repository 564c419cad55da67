/**
 * Tells from the router's count of seconds whether it has lost its mappings, for instance because it was switched off
 * (RFC 6887 section 8.5, which NAT-PMP's rule of RFC 6886 section 3.6 agrees with).
 */

import type { Clock } from '../../core/clock.ts'

/** How much slower or faster one clock may be than the other: a sixteenth. */
const DRIFT = 1 / 16
/** How many seconds beyond that rounding may cost. */
const ROUNDING_S = 2

export class RouterEpoch {
  readonly #clock: Clock
  #last: { readonly atMs: number; readonly epochS: number } | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Takes the count that an answer has. Returns whether the router has started anew since the last one. */
  note(epochS: number): boolean {
    const before = this.#last
    const atMs = this.#clock.now()
    this.#last = { atMs, epochS }
    if (before === undefined) return false
    // An answer that was under way for longer may come a second late.
    if (epochS + 1 < before.epochS) return true
    const [here, there] = [(atMs - before.atMs) / 1000, epochS - before.epochS]
    return here + ROUNDING_S < there * (1 - DRIFT) || there + ROUNDING_S < here * (1 - DRIFT)
  }
}
