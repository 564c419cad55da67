/**
 * What peers' names are worth. A peer names nodes that this one should link to, and says where they listen; nobody else
 * vouches for either.
 *
 * Guarantees that one peer's names make this node dial few nodes at a time, and few that are not there in a minute: nobody
 * turns it against the machines of others.
 */

import type { Clock } from '../core/clock.ts'
import type { Address } from './address.ts'
import { FALSE_NAMES_WINDOW_MS, MAX_FALSE_NAMES, MAX_NAMED_DIALS } from './constants.ts'

interface Record {
  dialling: number
  failed: number
  /** When the window began in which failures are counted. */
  since: number
}

export class Hearsay {
  readonly #clock: Clock
  readonly #records = new Map<Address, Record>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether a node that this peer names is dialled now. */
  heeds(peer: Address): boolean {
    const record = this.#records.get(peer)
    if (record === undefined) return true
    this.#renew(record)
    return record.dialling < MAX_NAMED_DIALS && record.failed < MAX_FALSE_NAMES
  }

  /** A node is dialled on this peer's word. */
  onDial(peer: Address): void {
    const record = this.#records.get(peer) ?? { dialling: 0, failed: 0, since: this.#clock.now() }
    record.dialling++
    this.#records.set(peer, record)
  }

  onDialEnd(peer: Address, isLinked: boolean): void {
    const record = this.#records.get(peer)
    if (record === undefined) return
    this.#renew(record)
    record.dialling--
    if (!isLinked) record.failed++
    this.#clock.after(FALSE_NAMES_WINDOW_MS, () => this.#forget(peer))
  }

  #renew(record: Record): void {
    const now = this.#clock.now()
    if (now - record.since < FALSE_NAMES_WINDOW_MS) return
    record.since = now
    record.failed = 0
  }

  /** A peer of whom nothing was held against it lately needs no record. */
  #forget(peer: Address): void {
    const record = this.#records.get(peer)
    if (record === undefined) return
    this.#renew(record)
    if (record.dialling === 0 && record.failed === 0) this.#records.delete(peer)
  }
}
