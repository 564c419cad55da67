/**
 * Counts what this node does for others at the same time, such as requests that it forwards.
 *
 * Guarantees: what came over one link takes up no more than that link's share. What this node does for itself needs no room
 * here.
 */

import type { Address } from './address.ts'

export interface ShareLimits {
  /** The most at a time. */
  readonly all: number
  /** The most for what came over one link. */
  readonly perLink: number
}

export class LinkShares {
  readonly #limits: ShareLimits
  readonly #byLink = new Map<Address, number>()
  #all = 0

  constructor(limits: ShareLimits) {
    this.#limits = limits
  }

  /** Takes room for something that came over the link to `via`. False when there is none left. */
  take(via: Address): boolean {
    const { all, perLink } = this.#limits
    const taken = this.#byLink.get(via) ?? 0
    if (taken >= perLink || this.#all >= all) return false
    this.#byLink.set(via, taken + 1)
    this.#all++
    return true
  }

  /** It has ended. */
  release(via: Address): void {
    const left = (this.#byLink.get(via) ?? 0) - 1
    if (left > 0) this.#byLink.set(via, left)
    else this.#byLink.delete(via)
    this.#all--
  }
}
