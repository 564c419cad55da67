/** Entry stores in virtual time, each asked about one key, and one store that hands what it has to another. */

import { EntryStore } from '../../agent/dht/entry-store.ts'
import type { MovingEntry } from '../../agent/dht/messages.ts'
import type { Proven } from '../../agent/dht/proof.ts'
import { subKeyOf } from '../../agent/dht/sub-keys.ts'
import { type Address, toAddress } from '../../agent/overlay/address.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { KEY, offered } from './samples.ts'

/** Where the entries of these tests are. */
export const SUB_KEY = subKeyOf(KEY, 0)
/** Who brings what the stores of these tests are given. */
export const LINK = toAddress(9n)

/** An empty store; `apply` gives it a change that comes over `LINK`, whose holder answers challenges. */
export function setUp() {
  const clock = new VirtualClock()
  const store = new EntryStore(clock)
  return { clock, store, apply: (change: Proven) => store.apply(change, LINK, clock.now()) }
}

/** Undefined: the store has no entry. */
export function valueIn(store: EntryStore): Uint8Array | undefined {
  return store.get(SUB_KEY)?.proven.change.statement.value
}

/** What a store would hand over of its one entry. */
export function moving(store: EntryStore): MovingEntry {
  return store.page(0n as Address, 0n as Address, undefined, 10).entries[0]!
}

/** One store hands its entry to another, which trusts it or not. */
export function hand(from: EntryStore, to: EntryStore, trusted = true) {
  return to.merge(offered(moving(from)), LINK, trusted)
}
