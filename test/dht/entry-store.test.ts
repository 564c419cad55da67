import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { utf8 } from '../../agent/core/bytes.ts'
import { MAX_ENTRIES_PER_PUBLISHER, SAME_AGE_MS } from '../../agent/dht/constants.ts'
import { EntryStore } from '../../agent/dht/entry-store.ts'
import type { Change, MovingEntry } from '../../agent/dht/messages.ts'
import { type Address, toAddress } from '../../agent/overlay/address.ts'
import { VirtualClock } from '../../scripts/sim/virtual-clock.ts'

const KEY = toAddress(77n)
const ALICE = toAddress(1n)
const BOB = toAddress(2n)

function setUp() {
  const clock = new VirtualClock()
  return { clock, store: new EntryStore(clock) }
}

function create(password: string, value = 'v', ttlMs = 1_000): Change {
  return { kind: 'create', password: utf8(password), value: utf8(value), ttlMs }
}

function recreate(oldPassword: string, newPassword: string, value = 'w', ttlMs = 1_000): Change {
  return { kind: 'recreate', oldPassword: utf8(oldPassword), newPassword: utf8(newPassword), value: utf8(value), ttlMs }
}

function remove(password: string): Change {
  return { kind: 'delete', password: utf8(password) }
}

/** What a store would hand over of its one entry. */
function moving(store: EntryStore): MovingEntry {
  return store.page(0n as Address, 0n as Address, undefined, 10).entries[0]!
}

describe('entry store', () => {
  test('of two creates with different passwords the first wins and the second hears taken', () => {
    const { store } = setUp()
    assert.equal(store.apply(KEY, ALICE, create('a')), 'ok')
    assert.equal(store.apply(KEY, BOB, create('b')), 'taken')
    assert.equal(store.apply(KEY, ALICE, create('a')), 'ok', 'a repeated create is the same create')
  })

  test('an entry is gone when its time-to-live is over, and the key is free', async () => {
    const { clock, store } = setUp()
    store.apply(KEY, ALICE, create('a', 'v', 500))
    await clock.runFor(499)
    assert.ok(store.get(KEY))
    await clock.runFor(1)
    assert.equal(store.get(KEY), undefined)
    assert.equal(store.apply(KEY, BOB, create('b')), 'ok')
  })

  test('recreate needs the old password, may change it, and brings an expired entry back', async () => {
    const { clock, store } = setUp()
    store.apply(KEY, ALICE, create('a'))
    assert.equal(store.apply(KEY, BOB, recreate('b', 'b')), 'wrong-password')
    assert.equal(store.apply(KEY, ALICE, recreate('a', 'a2')), 'ok')
    assert.equal(store.apply(KEY, ALICE, recreate('a', 'a2')), 'ok', 'repeated, its answer having been lost')
    assert.equal(store.apply(KEY, ALICE, create('a')), 'taken')
    await clock.runFor(2_000)
    assert.equal(store.apply(KEY, ALICE, recreate('a2', 'a2')), 'ok')
  })

  test('delete needs the password and frees the key', () => {
    const { store } = setUp()
    assert.equal(store.apply(KEY, ALICE, remove('a')), 'missing')
    store.apply(KEY, ALICE, create('a'))
    assert.equal(store.apply(KEY, BOB, remove('b')), 'wrong-password')
    assert.equal(store.apply(KEY, ALICE, remove('a')), 'ok')
    assert.equal(store.apply(KEY, BOB, create('b')), 'ok')
  })

  test('a change that is taken back leaves what was there before', () => {
    const { store } = setUp()
    store.apply(KEY, ALICE, create('a', 'old'))
    const before = store.snapshot(KEY)
    store.apply(KEY, ALICE, recreate('a', 'a2', 'new'))
    store.restore(KEY, store.snapshot(KEY), before)
    assert.deepEqual(store.get(KEY)?.value, utf8('old'))
  })

  test('a deleted entry does not come back from a replica that missed the deletion', () => {
    const one = setUp().store
    const other = setUp().store
    one.apply(KEY, ALICE, create('a'))
    other.merge(moving(one))
    one.apply(KEY, ALICE, remove('a'))
    one.merge(moving(other))
    assert.equal(one.get(KEY), undefined)
    other.merge(moving(one))
    assert.equal(other.get(KEY), undefined)
  })

  test('after a partition the entry held longer stays, at both replicas', async () => {
    const clock = new VirtualClock()
    const one = new EntryStore(clock)
    const other = new EntryStore(clock)
    one.apply(KEY, ALICE, create('a', 'older', 60_000))
    await clock.runFor(SAME_AGE_MS + 1)
    other.apply(KEY, BOB, create('b', 'younger', 60_000))
    const [ofOne, ofOther] = [moving(one), moving(other)]
    one.merge(ofOther)
    other.merge(ofOne)
    assert.deepEqual(one.get(KEY)?.value, utf8('older'))
    assert.deepEqual(other.get(KEY)?.value, utf8('older'))
  })

  test('two entries of the same age are settled the same way at both replicas', () => {
    const clock = new VirtualClock()
    const one = new EntryStore(clock)
    const other = new EntryStore(clock)
    one.apply(KEY, ALICE, create('a'))
    other.apply(KEY, BOB, create('b'))
    const [ofOne, ofOther] = [moving(one), moving(other)]
    one.merge(ofOther)
    other.merge(ofOne)
    assert.deepEqual(one.get(KEY)?.passwordHash, other.get(KEY)?.passwordHash)
  })

  test('a publisher with a full quota is refused, others are not, and room comes back with expiry', async () => {
    const { clock, store } = setUp()
    for (let i = 0; i < MAX_ENTRIES_PER_PUBLISHER; i++) {
      assert.equal(store.apply(toAddress(BigInt(i)), ALICE, create('a')), 'ok')
    }
    const next = toAddress(-1n)
    assert.equal(store.apply(next, ALICE, create('a')), 'full')
    assert.equal(store.apply(next, BOB, create('b')), 'ok')
    await clock.runFor(1_000)
    store.sweep(() => true)
    assert.equal(store.size, 0)
    assert.equal(store.apply(next, ALICE, create('a')), 'ok')
  })

  test('pages hand over every entry of an arc once, in order, and none outside it', () => {
    const { store } = setUp()
    for (let i = 0; i < 100; i++) store.apply(toAddress(BigInt(i * 10)), ALICE, create('a'))
    const seen: bigint[] = []
    let cursor: Address | undefined
    for (;;) {
      const { entries, last } = store.page(toAddress(200n), toAddress(500n), cursor, 7)
      seen.push(...entries.map(({ key }) => key))
      cursor = entries.at(-1)?.key
      if (last) break
    }
    assert.deepEqual(
      seen,
      Array.from({ length: 30 }, (_, i) => BigInt(200 + i * 10)),
    )
  })
})
