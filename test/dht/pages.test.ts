import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sha256, utf8 } from '../../agent/core/bytes.ts'
import type { SubKey } from '../../agent/dht/dht.ts'
import { EntryStore } from '../../agent/dht/entry-store.ts'
import { subKeyOf } from '../../agent/dht/sub-keys.ts'
import { rightward, toAddress } from '../../agent/overlay/address.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { proven, signed } from './samples.ts'

const LINK = toAddress(9n)
const ENTRIES = 60

/** A store, and the sub-keys that are in it. */
function filled(): { store: EntryStore; subKeys: SubKey[] } {
  const store = new EntryStore(new VirtualClock())
  const subKeys: SubKey[] = []
  for (let i = 0; i < ENTRIES; i++) {
    const made = proven(signed('create', 'owner', { key: sha256(utf8(`key ${i}`)) }))
    assert.equal(store.apply(made, LINK), 'ok')
    subKeys.push(made.subKey)
  }
  return { store, subKeys }
}

/** All that an asker gets, page by page. */
function handedOver(store: EntryStore, from: SubKey, to: SubKey, perPage: number): SubKey[] {
  const all: SubKey[] = []
  for (;;) {
    const { entries, last } = store.page(toAddress(from), toAddress(to), all.at(-1), perPage)
    all.push(...entries.map(({ change, place }) => subKeyOf(change.statement.key, place)))
    if (last) return all
    assert.equal(entries.length, perPage)
  }
}

describe('pages of a handover', () => {
  test('hold every entry of an arc once, in order, however many are on a page', () => {
    const { store, subKeys } = filled()
    for (const [i, from] of subKeys.slice(0, 10).entries()) {
      const to = subKeys[i + 20]!
      const inArc = subKeys
        .filter((subKey) => rightward(toAddress(from), subKey) < rightward(toAddress(from), to))
        .sort((a, b) => (rightward(toAddress(from), a) < rightward(toAddress(from), b) ? -1 : 1))
      for (const perPage of [1, 7, 100]) assert.deepEqual(handedOver(store, from, to, perPage), inArc)
    }
  })

  test('go once round the ring when the arc does', () => {
    const { store, subKeys } = filled()
    const from = subKeys[3]!
    const all = handedOver(store, from, from, 7)
    assert.deepEqual(new Set(all), new Set(subKeys))
    assert.equal(all.length, ENTRIES)
    assert.equal(all[0], from)
  })
})
