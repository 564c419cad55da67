/**
 * Limits dials on one peer's word. A peer names nodes to link to and says where they listen; no other node vouches for
 * either.
 *
 * Guarantees: on one peer's word this node dials few nodes at a time, and few unreachable nodes per minute. So nobody can
 * turn it against the machines of others.
 */

import type { Clock } from '../core/clock.ts'
import type { Address } from './address.ts'
import { FALSE_NAMES_WINDOW_MS, MAX_FALSE_NAMES, MAX_NAMED_DIALS } from './constants.ts'

interface Record {
  dialling: number
  failed: number
  /** When the current window of counting failures began. */
  since: number
}

export class Hearsay {
  readonly #clock: Clock
  readonly #records = new Map<Address, Record>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether to dial a node that this peer names. */
  heeds(peer: Address): boolean {
    const record = this.#records.get(peer)
    if (record === undefined) return true
    this.#renew(record)
    return record.dialling < MAX_NAMED_DIALS && record.failed < MAX_FALSE_NAMES
  }

  /** A dial on this peer's word begins. */
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

  /** Drops the record of a peer without recent failures. */
  #forget(peer: Address): void {
    const record = this.#records.get(peer)
    if (record === undefined) return
    this.#renew(record)
    if (record.dialling === 0 && record.failed === 0) this.#records.delete(peer)
  }
}
