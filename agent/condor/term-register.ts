/**
 * A pool's terms: a DHT entry that every member may write and that outlives managers, and the terms this node
 * remembers.
 *
 * Only the node that holds the role draws a term, and only while no other node can hold it. So in an undivided ring no
 * two draws overlap.
 */

import type { Clock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import type { Dht } from '../dht/dht.ts'
import type { NamespaceKeys } from '../namespace/keys.ts'
import type { Address } from '../overlay/address.ts'
import { TERM_TTL_MS } from './constants.ts'
import { openTerm, sealTerm, type Term, termKey } from './manager-entry.ts'

export interface TermRegisterParts {
  readonly dht: Dht
  readonly clock: Clock
  readonly random: Random
  readonly keys: NamespaceKeys
  readonly pool: string
  readonly self: Address
}

interface Reading {
  readonly term: Term | undefined
  /** Every sub-key with an entry holds this one, with more than half of its lifetime left. */
  readonly sound: boolean
}

export class TermRegister {
  readonly #parts: TermRegisterParts
  /** The greatest term that this node knows. */
  #seen: Term | undefined

  constructor(parts: TermRegisterParts) {
    this.#parts = parts
  }

  /** Remembers a term in use. True when it cannot follow the remembered one: a partition made two lines of terms. */
  note({ term, node }: Term): boolean {
    const seen = this.#seen
    if (seen === undefined || term > seen.term) {
      this.#seen = { term, node }
      return false
    }
    return term < seen.term || node !== seen.node
  }

  /** Writes the remembered term if the entry's is lower, so that the manager takes a term above it. */
  async remind(): Promise<void> {
    const { term } = await this.#read()
    if (this.#seen !== undefined && !covers(term, this.#seen)) await this.#write(this.#seen)
  }

  /** A new term above all others; undefined when no majority took it, or `limit` (`Clock` time) had passed. */
  async draw(limit: number): Promise<number | undefined> {
    const { term: known } = await this.#read()
    const term = { term: Math.max(known?.term ?? 0, this.#seen?.term ?? 0) + 1, node: this.#parts.self }
    if (this.#parts.clock.now() >= limit || !(await this.#write(term))) return undefined
    this.#seen = term
    return term.term
  }

  /** Keeps the entry alive for a manager with `term`. True when another's term is as great: it needs a new one. */
  async upkeep(term: number): Promise<boolean> {
    const own = { term, node: this.#parts.self }
    const { term: known, sound } = await this.#read()
    if (known !== undefined && !covers(own, known)) return true
    if (!sound || known?.term !== term) await this.#write(own)
    return false
  }

  async #read(): Promise<Reading> {
    const { dht, keys, pool } = this.#parts
    const found = await dht.get(termKey(keys, pool))
    let term: Term | undefined
    for (const { value } of found) {
      const one = openTerm(keys, pool, value)
      if (one !== undefined && one.term > (term?.term ?? 0)) term = one
    }
    return { term, sound: found.length === 1 && found.every(({ ttlMs }) => ttlMs > TERM_TTL_MS / 2) }
  }

  async #write(term: Term): Promise<boolean> {
    const { dht, keys, pool, random } = this.#parts
    const key = termKey(keys, pool)
    const { shared } = keys
    return (await dht.recreate(key, shared, shared, sealTerm(keys, pool, term, random), TERM_TTL_MS)).won
  }
}

/** Whether the holder of `held` may go on beside `other`. */
function covers(held: Term | undefined, other: Term): boolean {
  if (held === undefined) return false
  return held.term > other.term || (held.term === other.term && held.node === other.node)
}
