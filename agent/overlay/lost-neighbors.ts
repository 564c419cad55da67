/**
 * Retries neighbours that went silent for a while. After a partition heals, the two rings find each other at every
 * place where they were cut, and a neighbour that slept is linked again.
 */

import { Backoff } from '../core/backoff.ts'
import type { Clock } from '../core/clock.ts'
import { setLatest } from '../core/latest.ts'
import type { Address } from './address.ts'
import type { Connector } from './connector.ts'
import { LOST_KEPT, LOST_KEPT_MS, LOST_RETRY_MAX_MS, LOST_RETRY_MIN_MS } from './constants.ts'
import type { Contact } from './link.ts'

interface Lost {
  readonly contact: Contact
  readonly until: number
  readonly backoff: Backoff
  nextAt: number
}

export class LostNeighbors {
  readonly #clock: Clock
  readonly #connector: Connector
  readonly #isLinked: (address: Address) => boolean
  /** Oldest first. */
  readonly #lost = new Map<Address, Lost>()

  constructor(parts: { clock: Clock; connector: Connector; isLinked: (address: Address) => boolean }) {
    this.#clock = parts.clock
    this.#connector = parts.connector
    this.#isLinked = parts.isLinked
  }

  remember(contact: Contact): void {
    if (contact.endpoints.length === 0) return
    const now = this.#clock.now()
    const backoff = new Backoff({ minMs: LOST_RETRY_MIN_MS, maxMs: LOST_RETRY_MAX_MS, factor: 1.5 })
    const lost = { contact, until: now + LOST_KEPT_MS, backoff, nextAt: now + backoff.next() }
    setLatest(this.#lost, contact.address, lost, LOST_KEPT)
  }

  /** Dials every lost neighbour that is due; called every `BEAT_MS`. */
  retry(): void {
    const now = this.#clock.now()
    for (const [address, lost] of this.#lost) {
      if (this.#isLinked(address) || now > lost.until) this.#lost.delete(address)
      else if (now >= lost.nextAt && !this.#connector.isTrying(address)) {
        lost.nextAt = now + lost.backoff.next()
        this.#connector.connect(address, undefined, lost.contact).catch(() => {
          // Still silent.
        })
      }
    }
  }
}
