import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { utf8 } from '../../agent/core/bytes.ts'
import {
  KEPT_LONGER,
  MAX_ENTRIES,
  MAX_ENTRIES_PER_LINK,
  MAX_ENTRIES_PER_PUBLISHER,
  SAME_AGE_MS,
  TOMBSTONE_MS,
} from '../../agent/dht/constants.ts'
import { EntryStore } from '../../agent/dht/entry-store.ts'
import type { MovingEntry } from '../../agent/dht/messages.ts'
import type { Proven } from '../../agent/dht/proof.ts'
import { subKeyOf } from '../../agent/dht/sub-keys.ts'
import { type Address, rightward, toAddress } from '../../agent/overlay/address.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { ALICE, BOB, create, KEY, offered, recreate, remove } from './samples.ts'

const SUB_KEY = subKeyOf(KEY, 0)
/** Who brings what the stores of these tests are given. */
const LINK = toAddress(9n)

function setUp() {
  const clock = new VirtualClock()
  const store = new EntryStore(clock)
  return { clock, store, apply: (change: Proven) => store.apply(change, LINK) }
}

function valueIn(store: EntryStore): Uint8Array | undefined {
  return store.get(SUB_KEY)?.proven.change.statement.value
}

/** What a store would hand over of its one entry. */
function moving(store: EntryStore): MovingEntry {
  return store.page(0n as Address, 0n as Address, undefined, 10).entries[0]!
}

function hand(from: EntryStore, to: EntryStore, trusted = true) {
  return to.merge(offered(moving(from)), LINK, trusted)
}

/** Many distinct entries. */
function keyed(i: number): Uint8Array {
  return utf8(`key ${i}`)
}

describe('entry store', () => {
  test('of two creates with different passwords the first wins and the second hears taken', () => {
    const { apply } = setUp()
    assert.equal(apply(create('a')), 'ok')
    assert.equal(apply(create('b')), 'taken')
    assert.equal(apply(create('a')), 'ok', 'a create with the same password is the same claim')
  })

  test('an entry is gone when its time-to-live is over, and the key is free', async () => {
    const { clock, store, apply } = setUp()
    apply(create('a', { ttlMs: 500 }))
    await clock.runFor(500 * KEPT_LONGER - 1)
    assert.ok(store.get(SUB_KEY))
    await clock.runFor(1)
    assert.equal(store.get(SUB_KEY), undefined)
    assert.equal(apply(create('b')), 'ok')
  })

  test('recreate needs the old password, may change it, and brings an expired entry back', async () => {
    const { clock, apply } = setUp()
    apply(create('a'))
    assert.equal(apply(recreate('b', 'b')), 'wrong-password')
    const handedOver = recreate('a', 'a2')
    assert.equal(apply(handedOver), 'ok')
    assert.equal(apply(handedOver), 'ok', 'repeated, its answer having been lost')
    assert.equal(apply(create('a')), 'taken')
    assert.equal(apply(recreate('a', 'a')), 'wrong-password')
    await clock.runFor(2_000)
    assert.equal(apply(recreate('a2', 'a2')), 'ok')
  })

  test('delete needs the password and frees the key', () => {
    const { apply } = setUp()
    assert.equal(apply(remove('a')), 'missing')
    apply(create('a'))
    assert.equal(apply(remove('b')), 'wrong-password')
    const deletion = remove('a')
    assert.equal(apply(deletion), 'ok')
    assert.equal(apply(deletion), 'ok', 'repeated, its answer having been lost')
    assert.equal(apply(create('b')), 'ok')
  })

  test('a change that is taken back leaves what was there before', () => {
    const { store, apply } = setUp()
    apply(create('a', { value: 'old' }))
    const before = store.snapshot(SUB_KEY)
    apply(recreate('a', 'a2', { value: 'new' }))
    store.restore(SUB_KEY, store.snapshot(SUB_KEY), before)
    assert.deepEqual(valueIn(store), utf8('old'))
  })

  test('a change that a second one brought too stays when the first takes it back', () => {
    const { store, apply } = setUp()
    const change = create('a')
    apply(change)
    const made = store.snapshot(SUB_KEY)
    apply(change)
    store.restore(SUB_KEY, made, undefined)
    assert.notEqual(store.get(SUB_KEY), undefined)
  })
})

describe('a change that comes late or again', () => {
  test('is stale when its holder made a newer one', () => {
    const { store, apply } = setUp()
    const [first, second, third] = [create('a'), recreate('a', 'a', { value: 'w' }), remove('a')]
    assert.equal(apply(second), 'ok')
    assert.equal(apply(first), 'stale')
    assert.deepEqual(valueIn(store), utf8('w'))
    assert.equal(apply(third), 'ok')
    assert.equal(apply(second), 'stale')
    assert.equal(store.get(SUB_KEY), undefined)
  })

  test('adds nothing to the life of the entry', async () => {
    const { clock, store, apply } = setUp()
    const change = create('a', { ttlMs: 1_000 })
    apply(change)
    await clock.runFor(900 * KEPT_LONGER)
    assert.equal(apply(change), 'ok')
    await clock.runFor(100 * KEPT_LONGER)
    assert.equal(store.get(SUB_KEY), undefined)
  })

  test('does not undo a deletion while the entry could still be somewhere, nor one that overtook it', async () => {
    const { clock, store, apply } = setUp()
    const long = create('a', { ttlMs: 10 * TOMBSTONE_MS })
    apply(long)
    apply(remove('a'))
    await clock.runFor(9 * TOMBSTONE_MS)
    assert.equal(apply(long), 'stale')
    const other = setUp()
    const overtaken = create('a')
    assert.equal(other.apply(remove('a')), 'missing')
    assert.equal(other.apply(overtaken), 'stale')
    assert.equal(store.get(SUB_KEY), undefined)
  })

  test('a deletion by a stranger does not make the store forget one by the holder', () => {
    const { apply } = setUp()
    const old = create('a')
    apply(old)
    apply(remove('a'))
    assert.equal(apply(remove('stranger')), 'missing')
    assert.equal(apply(old), 'stale')
  })

  test('a late deletion does not hit the claim that its holder made after it', () => {
    const { store, apply } = setUp()
    apply(create('a'))
    const late = remove('a')
    apply(create('a', { value: 'again' }))
    assert.equal(apply(late), 'stale')
    assert.deepEqual(valueIn(store), utf8('again'))
  })
})

describe('an entry from another node', () => {
  test('that was deleted does not come back from a replica that missed the deletion', () => {
    const [one, other] = [setUp(), setUp()]
    one.apply(create('a'))
    hand(one.store, other.store)
    one.apply(remove('a'))
    hand(other.store, one.store)
    assert.equal(one.store.get(SUB_KEY), undefined)
    hand(one.store, other.store)
    assert.equal(other.store.get(SUB_KEY), undefined)
  })

  test('that its holder gave back does not take the place of what followed it, from a replica that missed both', async () => {
    const clock = new VirtualClock()
    const [one, missedBoth] = [new EntryStore(clock), new EntryStore(clock)]
    const former = create('a', { value: 'former', ttlMs: 60_000 })
    for (const store of [one, missedBoth]) {
      store.apply(former, LINK)
      store.accept(SUB_KEY, former.change.statement.holder)
    }
    await clock.runFor(SAME_AGE_MS + 1)
    one.apply(remove('a'), LINK)
    one.apply(create('b', { value: 'next', ttlMs: 60_000, publisher: BOB }), LINK)
    one.apply(recreate('b', 'b', { value: 'next, renewed', ttlMs: 60_000, publisher: BOB }), LINK)
    assert.deepEqual(hand(missedBoth, one), { kept: false, rival: undefined })
    assert.deepEqual(hand(one, missedBoth), { kept: true, rival: undefined })
    for (const store of [one, missedBoth]) assert.deepEqual(valueIn(store), utf8('next, renewed'))
  })

  test('that its holder gave back does not come back when what followed it is given back too', () => {
    const [one, missedAll] = [setUp(), setUp()]
    for (const { apply } of [one, missedAll]) apply(create('a'))
    one.apply(remove('a'))
    one.apply(create('b'))
    one.apply(remove('b'))
    hand(missedAll.store, one.store)
    assert.equal(valueIn(one.store), undefined)
    hand(one.store, missedAll.store)
    assert.equal(valueIn(missedAll.store), undefined)
  })

  test('claimed again by a holder that gave it back is a claim like any other', async () => {
    const clock = new VirtualClock()
    const [one, other] = [new EntryStore(clock), new EntryStore(clock)]
    one.apply(create('a', { ttlMs: 60_000 }), LINK)
    one.apply(remove('a'), LINK)
    other.apply(create('a', { value: 'again', ttlMs: 60_000 }), LINK)
    await clock.runFor(SAME_AGE_MS + 1)
    one.apply(create('b', { value: 'of b', ttlMs: 60_000, publisher: BOB }), LINK)
    assert.equal(hand(other, one).kept, true)
    assert.deepEqual(valueIn(one), utf8('again'))
  })

  test('of which a stranger says that it followed another does not take the place of that one', () => {
    const [one, other] = [setUp(), setUp()]
    one.apply(create('a', { value: 'held' }))
    other.apply(create('a'))
    other.apply(remove('a'))
    other.apply(create('b', { publisher: BOB }))
    assert.equal(hand(other.store, one.store, false).kept, false)
    assert.deepEqual(valueIn(one.store), utf8('held'))
  })

  test('of two holders after a partition: the one held longer stays, at both replicas', async () => {
    const clock = new VirtualClock()
    const [one, other] = [new EntryStore(clock), new EntryStore(clock)]
    one.apply(create('a', { value: 'older', ttlMs: 60_000 }), LINK)
    await clock.runFor(SAME_AGE_MS + 1)
    other.apply(create('b', { value: 'younger', ttlMs: 60_000, publisher: BOB }), LINK)
    const [ofOne, ofOther] = [offered(moving(one)), offered(moving(other))]
    assert.deepEqual(one.merge(ofOther, LINK, true).rival?.change.statement.publisher, BOB)
    assert.deepEqual(other.merge(ofOne, LINK, true).rival?.change.statement.publisher, BOB)
    assert.deepEqual(valueIn(one), utf8('older'))
    assert.deepEqual(valueIn(other), utf8('older'))
  })

  test('of two holders and the same age: settled the same way at both replicas', () => {
    const clock = new VirtualClock()
    const [one, other] = [new EntryStore(clock), new EntryStore(clock)]
    one.apply(create('a', { value: 'of a' }), LINK)
    other.apply(create('b', { value: 'of b' }), LINK)
    const [ofOne, ofOther] = [offered(moving(one)), offered(moving(other))]
    one.merge(ofOther, LINK, true)
    other.merge(ofOne, LINK, true)
    assert.deepEqual(valueIn(one), valueIn(other))
  })

  test('of two holders one of whom both replicas took: that one stays everywhere, however long the claim of the other stood', async () => {
    const clock = new VirtualClock()
    const [one, other] = [new EntryStore(clock), new EntryStore(clock)]
    one.apply(create('a', { value: 'left with one replica', ttlMs: 60_000 }), LINK)
    await clock.runFor(SAME_AGE_MS + 1)
    const accepted = create('b', { value: 'accepted', ttlMs: 60_000, publisher: BOB })
    other.apply(accepted, LINK)
    assert.equal(other.accept(SUB_KEY, accepted.change.statement.holder), true)
    other.apply(recreate('b', 'b', { value: 'and renewed', ttlMs: 60_000, publisher: BOB }), LINK)
    const [ofOne, ofOther] = [offered(moving(one)), offered(moving(other))]
    assert.equal(other.merge(ofOne, LINK, true).kept, false)
    assert.equal(one.merge(ofOther, LINK, true).kept, true)
    assert.deepEqual([valueIn(one), valueIn(other)], [utf8('and renewed'), utf8('and renewed')])
  })

  test('tells that both replicas took it, to a store that has the same; a stranger that says so is not believed', () => {
    const [one, other] = [setUp(), setUp()]
    const change = create('a')
    for (const { apply } of [one, other]) apply(change)
    assert.equal(one.store.accept(SUB_KEY, create('b').change.statement.holder), false, 'held by another')
    assert.equal(one.store.accept(SUB_KEY, change.change.statement.holder), true)
    other.store.merge(offered(moving(one.store)), LINK, false)
    assert.equal(moving(other.store).accepted, false)
    other.store.merge(offered(moving(one.store)), LINK, true)
    assert.equal(moving(other.store).accepted, true)
  })

  test('of one publisher that let go and claimed again: the later claim stays, though the former has been held longer', async () => {
    const clock = new VirtualClock()
    const [missedIt, other] = [new EntryStore(clock), new EntryStore(clock)]
    missedIt.apply(create('first', { value: 'former', ttlMs: 60_000 }), LINK)
    await clock.runFor(SAME_AGE_MS + 1)
    other.apply(create('second', { value: 'later', ttlMs: 60_000 }), LINK)
    const [former, later] = [offered(moving(missedIt)), offered(moving(other))]
    assert.deepEqual(other.merge(former, LINK, true), { kept: false, rival: undefined })
    assert.deepEqual(missedIt.merge(later, LINK, true), { kept: true, rival: undefined })
    assert.deepEqual([valueIn(missedIt), valueIn(other)], [utf8('later'), utf8('later')])
  })

  test('that nobody vouches for fills a hole, brings what the holder signed later, and never puts in another holder', () => {
    const stranger = setUp()
    const { store, apply } = setUp()
    stranger.apply(create('thief'))
    const old = { ...offered(moving(stranger.store)), ageMs: 1e9 }
    apply(create('a'))
    assert.equal(store.merge(old, LINK, false).kept, false)
    assert.equal(store.merge({ ...offered({ ...moving(store) }), proven: recreate('a', 'a') }, LINK, false).kept, true)
    const empty = setUp()
    assert.equal(empty.store.merge(old, LINK, false).kept, true)
    assert.equal(moving(empty.store).ageMs, 0, 'its age counts from now')
  })

  test('lives no longer than its holder signed, whatever is said of it', async () => {
    const [one, other] = [setUp(), setUp()]
    one.apply(create('a', { ttlMs: 1_000 }))
    other.store.merge({ ...offered(moving(one.store)), ttlMs: 2 ** 40 }, LINK, true)
    await other.clock.runFor(1_000 * KEPT_LONGER)
    assert.equal(other.store.get(SUB_KEY), undefined)
  })

  test('pages hand over every entry of an arc once, in order, and none outside it', () => {
    const { store, apply } = setUp()
    for (let i = 0; i < 100; i++) apply(create('a', { key: keyed(i) }))
    const [from, to] = [toAddress(1n << 158n), toAddress(3n << 158n)]
    const expected = Array.from({ length: 100 }, (_, i) => subKeyOf(keyed(i), 0))
      .filter((subKey) => rightward(from, subKey) < rightward(from, to))
      .sort((a, b) => (a < b ? -1 : 1))
    assert.ok(expected.length > 20)
    const seen: Address[] = []
    for (;;) {
      const { entries, last } = store.page(from, to, seen.at(-1), 7)
      seen.push(...entries.map(({ change }) => subKeyOf(change.statement.key, 0)))
      if (last) break
    }
    assert.deepEqual(seen, expected)
  })
})

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
      store.merge({ proven: next, ttlMs: 1_000, ageMs: 0, accepted: false, follows: undefined }, mallory, true).kept,
      false,
    )
    assert.equal(store.apply(next, LINK), 'ok')
    await clock.runFor(1_000 * KEPT_LONGER)
    store.sweep(() => true)
    assert.equal(store.size, 0)
    assert.equal(store.apply(next, mallory), 'ok')
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
