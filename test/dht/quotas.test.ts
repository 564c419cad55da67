import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { KEPT_LONGER, MAX_ENTRIES, MAX_ENTRIES_PER_LINK, MAX_ENTRIES_PER_PUBLISHER } from '../../agent/dht/constants.ts'
import type { EntryStore } from '../../agent/dht/entry-store.ts'
import type { Proven } from '../../agent/dht/proof.ts'
import { Quota } from '../../agent/dht/quota.ts'
import { type Address, toAddress } from '../../agent/overlay/address.ts'
import { ALICE, BOB, create, remove } from './samples.ts'
import { LINK, setUp } from './stores.ts'

describe('room', () => {
  /** Fills a store through `link`, in as many names as it takes. */
  function fill(store: EntryStore, link: Address, count: number, from: number): string {
    let verdict = 'ok'
    for (let i = from; i < from + count && verdict === 'ok'; i++) {
      const publisher = toAddress(BigInt(1000 + Math.floor(i / 1000)))
      verdict = store.apply(stamped(i, publisher), link)
    }
    return verdict
  }

  /** Thousands of signatures take minutes, and the store does not look at them: the same one with other keys. */
  function stamped(i: number, publisher: Address): Proven {
    const { change, ...rest } = sample
    return {
      ...rest,
      subKey: toAddress(BigInt(i)),
      change: { ...change, statement: { ...change.statement, publisher } },
    }
  }
  const sample = create('a', { ttlMs: 1_000 })

  test('of one publisher behind one link is limited, comes back with expiry, and is not used up by his name elsewhere', async () => {
    const { clock, store } = setUp()
    const mallory = toAddress(77n)
    for (let i = 0; i < MAX_ENTRIES_PER_PUBLISHER; i++) assert.equal(store.apply(stamped(i, ALICE), mallory), 'ok')
    const next = stamped(MAX_ENTRIES_PER_PUBLISHER, ALICE)
    assert.equal(store.apply(next, mallory), 'full')
    assert.equal(
      store.merge(
        { proven: next, ttlMs: 1_000, ageMs: 0, accepted: false, fresh: false, follows: undefined },
        mallory,
        true,
      ).kept,
      false,
    )
    assert.equal(store.apply(next, LINK), 'ok')
    await clock.runFor(1_000 * KEPT_LONGER)
    store.sweep(() => true)
    assert.equal(store.size, 0)
    assert.equal(store.apply(next, mallory, clock.now()), 'ok')
  })

  test('of one publisher comes back entry by entry, while others stay', () => {
    const quota = new Quota()
    for (let i = 0; i < MAX_ENTRIES_PER_PUBLISHER; i++) quota.add(LINK, ALICE)
    assert.equal(quota.hasRoom(LINK, ALICE), false)
    assert.equal(quota.hasRoom(LINK, BOB), true)
    quota.subtract(LINK, ALICE)
    assert.equal(quota.hasRoom(LINK, ALICE), true)
  })

  test('for one link is limited whatever names it gives, and for all links together', () => {
    const { store } = setUp()
    assert.equal(fill(store, toAddress(1n), MAX_ENTRIES, 0), 'full')
    assert.equal(store.size, MAX_ENTRIES_PER_LINK)
    assert.equal(store.apply(stamped(1e6, BOB), LINK), 'ok')
    assert.equal(fill(store, toAddress(2n), MAX_ENTRIES_PER_LINK, 1e7), 'full')
    assert.equal(store.size, MAX_ENTRIES)
    assert.equal(store.apply(stamped(2e6, BOB), LINK), 'full')
    assert.equal(store.apply(remove('b'), LINK), 'missing')
    assert.equal(store.size, MAX_ENTRIES, 'deletions of nothing take no room either')
  })
})
