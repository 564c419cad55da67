/**
 * Bursts of loss on one connection: now and then it loses everything, both ways, for a while. The moments are those of
 * a Poisson process.
 */

import type { Random } from '../agent/core/random.ts'

export interface BurstRate {
  /** From the end of one burst to the start of the next, mean, ms. */
  readonly everyMs: number
  /** How long a burst lasts, ms. */
  readonly forMs: number
}

export class Bursts {
  readonly #random: Random
  #rate: BurstRate | undefined
  #from = 0

  constructor(random: Random) {
    this.#random = random
  }

  /** Whether a frame that is sent now is lost. Each call looks later than the one before. */
  strike(now: number, rate: BurstRate | undefined): boolean {
    if (rate === undefined) return false
    if (rate !== this.#rate) {
      this.#rate = rate
      this.#from = now + this.#gap(rate)
    }
    while (this.#from + rate.forMs <= now) this.#from += rate.forMs + this.#gap(rate)
    return now >= this.#from
  }

  #gap({ everyMs }: BurstRate): number {
    return -Math.log(1 - this.#random.float()) * everyMs
  }
}
