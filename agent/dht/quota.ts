/**
 * How much one node keeps for others.
 *
 * Whoever asks is known only by the link that the request came over, which proved its address; the name of the publisher
 * is its own word. So names count within a link only, where nobody can use up the room of somebody else by his name.
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

  /** Whether one more may be kept. */
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

  /** Takes back one `add`. */
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
