import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { utf8 } from '../../agent/core/bytes.ts'
import { KEPT_LONGER, SAME_AGE_MS } from '../../agent/dht/constants.ts'
import { EntryStore } from '../../agent/dht/entry-store.ts'
import { subKeyOf } from '../../agent/dht/sub-keys.ts'
import { type Address, rightward, toAddress } from '../../agent/overlay/address.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { BOB, create, offered, recreate, remove } from './samples.ts'
import { hand, LINK, moving, SUB_KEY, setUp, valueIn } from './stores.ts'

/** Many distinct entries. */
function keyed(i: number): Uint8Array {
  return utf8(`key ${i}`)
}

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
      store.apply(former, LINK, clock.now())
      store.accept(SUB_KEY, former.change.statement.holder)
    }
    await clock.runFor(SAME_AGE_MS + 1)
    one.apply(remove('a'), LINK, clock.now())
    one.apply(create('b', { value: 'next', ttlMs: 60_000, publisher: BOB }), LINK, clock.now())
    one.apply(recreate('b', 'b', { value: 'next, renewed', ttlMs: 60_000, publisher: BOB }), LINK, clock.now())
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

  test('that has no time left takes the place of none, however long it was held', async () => {
    const [one, other] = [setUp(), setUp()]
    one.apply(create('a', { value: 'ended' }))
    await one.clock.runFor(SAME_AGE_MS / 4)
    other.apply(create('b', { value: 'lives', publisher: BOB }))
    const ended = { ...offered(moving(one.store)), ttlMs: 0, ageMs: 60_000, accepted: true }
    assert.equal(other.store.merge(ended, LINK, true).kept, false)
    assert.deepEqual(valueIn(other.store), utf8('lives'))
  })

  test('claimed again by a holder that gave it back is a claim like any other', async () => {
    const clock = new VirtualClock()
    const [one, other] = [new EntryStore(clock), new EntryStore(clock)]
    one.apply(create('a', { ttlMs: 60_000 }), LINK, clock.now())
    one.apply(remove('a'), LINK, clock.now())
    other.apply(create('a', { value: 'again', ttlMs: 60_000 }), LINK, clock.now())
    await clock.runFor(SAME_AGE_MS + 1)
    one.apply(create('b', { value: 'of b', ttlMs: 60_000, publisher: BOB }), LINK, clock.now())
    assert.equal(hand(other, one).kept, true)
    assert.deepEqual(valueIn(one), utf8('again'))
  })

  test('by a former holder does not take back what he handed over, when a stranger brings it', () => {
    const [one, other] = [setUp(), setUp()]
    one.apply(create('a'))
    one.apply(recreate('a', 'b', { value: 'handed over' }))
    other.apply(create('a', { value: 'taken back' }))
    assert.equal(hand(other.store, one.store, false).kept, false)
    assert.deepEqual(valueIn(one.store), utf8('handed over'))
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
    one.apply(create('a', { value: 'older', ttlMs: 60_000 }), LINK, clock.now())
    await clock.runFor(SAME_AGE_MS + 1)
    other.apply(create('b', { value: 'younger', ttlMs: 60_000, publisher: BOB }), LINK, clock.now())
    const [ofOne, ofOther] = [offered(moving(one)), offered(moving(other))]
    assert.deepEqual(one.merge(ofOther, LINK, true).rival?.change.statement.publisher, BOB)
    assert.deepEqual(other.merge(ofOne, LINK, true).rival?.change.statement.publisher, BOB)
    assert.deepEqual(valueIn(one), utf8('older'))
    assert.deepEqual(valueIn(other), utf8('older'))
  })

  test('of two holders and the same age: settled the same way at both replicas', () => {
    const clock = new VirtualClock()
    const [one, other] = [new EntryStore(clock), new EntryStore(clock)]
    one.apply(create('a', { value: 'of a' }), LINK, clock.now())
    other.apply(create('b', { value: 'of b' }), LINK, clock.now())
    const [ofOne, ofOther] = [offered(moving(one)), offered(moving(other))]
    one.merge(ofOther, LINK, true)
    other.merge(ofOne, LINK, true)
    assert.deepEqual(valueIn(one), valueIn(other))
  })

  test('of two holders one of whom both replicas took: that one stays everywhere, however long the claim of the other stood', async () => {
    const clock = new VirtualClock()
    const [one, other] = [new EntryStore(clock), new EntryStore(clock)]
    one.apply(create('a', { value: 'left with one replica', ttlMs: 60_000 }), LINK, clock.now())
    await clock.runFor(SAME_AGE_MS + 1)
    const accepted = create('b', { value: 'accepted', ttlMs: 60_000, publisher: BOB })
    other.apply(accepted, LINK, clock.now())
    assert.equal(other.accept(SUB_KEY, accepted.change.statement.holder), true)
    other.apply(recreate('b', 'b', { value: 'and renewed', ttlMs: 60_000, publisher: BOB }), LINK, clock.now())
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
    missedIt.apply(create('first', { value: 'former', ttlMs: 60_000 }), LINK, clock.now())
    await clock.runFor(SAME_AGE_MS + 1)
    other.apply(create('second', { value: 'later', ttlMs: 60_000 }), LINK, clock.now())
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
