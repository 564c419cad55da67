/** A store's sub-keys in ring order, so that the cost of a handover page depends on the page, not on the store. */

import type { SubKey } from './dht.ts'

export class SortedKeys {
  readonly #keys: SubKey[] = []

  add(key: SubKey): void {
    const at = this.#firstAtLeast(key)
    if (this.#keys[at] !== key) this.#keys.splice(at, 0, key)
  }

  delete(key: SubKey): void {
    const at = this.#firstAtLeast(key)
    if (this.#keys[at] === key) this.#keys.splice(at, 1)
  }

  /** Every key once, walking right from `from` (inclusive). */
  *walk(from: bigint): Generator<SubKey> {
    const start = this.#firstAtLeast(from)
    for (let i = start; i < this.#keys.length; i++) yield this.#keys[i]!
    for (let i = 0; i < start; i++) yield this.#keys[i]!
  }

  #firstAtLeast(key: bigint): number {
    let [low, high] = [0, this.#keys.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#keys[middle]! < key) low = middle + 1
      else high = middle
    }
    return low
  }
}
