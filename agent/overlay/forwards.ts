/**
 * Counts forwarded requests that wait for an answer.
 *
 * Guarantees: the requests that came over one link take up no more than that link's share. This node's own requests need
 * no room here.
 */

import type { Address } from './address.ts'
import { MAX_FORWARDS, MAX_FORWARDS_PER_LINK } from './constants.ts'

export class Forwards {
  readonly #byLink = new Map<Address, number>()
  #all = 0

  /** Takes room for a request that came from `via`. False when there is none left. */
  take(via: Address): boolean {
    const waiting = this.#byLink.get(via) ?? 0
    if (waiting >= MAX_FORWARDS_PER_LINK || this.#all >= MAX_FORWARDS) return false
    this.#byLink.set(via, waiting + 1)
    this.#all++
    return true
  }

  /** The request has ended. */
  release(via: Address): void {
    const left = (this.#byLink.get(via) ?? 0) - 1
    if (left > 0) this.#byLink.set(via, left)
    else this.#byLink.delete(via)
    this.#all--
  }
}
