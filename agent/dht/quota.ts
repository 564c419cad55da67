/**
 * Limits how much one node keeps for others.
 *
 * Only the link that a request came over has a proven address; the publisher's name is just a claim. So publishers are
 * counted per link: no node can use up another's quota by claiming its name over a different link.
 */

import type { Address } from '../overlay/address.ts'
import { MAX_ENTRIES, MAX_ENTRIES_PER_LINK, MAX_ENTRIES_PER_PUBLISHER } from './constants.ts'

interface Account {
  entries: number
  readonly byPublisher: Map<Address, number>
}

export class Quota {
  readonly #accounts = new Map<Address, Account>()
  #entries = 0

  /** Whether one more entry may be kept. */
  hasRoom(broughtBy: Address, publisher: Address): boolean {
    if (this.#entries >= MAX_ENTRIES) return false
    const account = this.#accounts.get(broughtBy)
    if (account === undefined) return true
    if (account.entries >= MAX_ENTRIES_PER_LINK) return false
    return (account.byPublisher.get(publisher) ?? 0) < MAX_ENTRIES_PER_PUBLISHER
  }

  add(broughtBy: Address, publisher: Address): void {
    const account = this.#accounts.get(broughtBy) ?? { entries: 0, byPublisher: new Map() }
    this.#accounts.set(broughtBy, account)
    account.byPublisher.set(publisher, (account.byPublisher.get(publisher) ?? 0) + 1)
    account.entries++
    this.#entries++
  }

  /** Undoes one `add`. */
  subtract(broughtBy: Address, publisher: Address): void {
    const account = this.#accounts.get(broughtBy)
    const count = account?.byPublisher.get(publisher)
    if (account === undefined || count === undefined) return
    if (count > 1) account.byPublisher.set(publisher, count - 1)
    else account.byPublisher.delete(publisher)
    account.entries--
    if (account.entries === 0) this.#accounts.delete(broughtBy)
    this.#entries--
  }
}
