import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { utf8 } from '../../agent/core/bytes.ts'
import { KEPT_LONGER, TOMBSTONE_MS } from '../../agent/dht/constants.ts'
import { create, recreate, remove } from './samples.ts'
import { SUB_KEY, setUp, valueIn } from './stores.ts'

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

  test('does not come back when the next holder has given the key back too', () => {
    const { apply } = setUp()
    const old = create('a')
    for (const change of [old, remove('a'), create('b'), remove('b')]) assert.equal(apply(change), 'ok')
    assert.equal(apply(old), 'stale')
    assert.equal(apply(create('a')), 'ok', 'and the former holder may claim it anew')
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
