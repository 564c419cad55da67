import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { SubKey } from '../../agent/dht/dht.ts'
import { SortedKeys } from '../../agent/dht/sorted-keys.ts'

const key = fc.bigInt({ min: 0n, max: 40n }).map((value) => value as SubKey)

describe('sub-keys in their order on the ring', () => {
  test('are walked to the right from any point, each once, whatever was added and deleted', () => {
    const change = fc.record({ key, isAdded: fc.boolean() })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 80 }), key, (changes, from) => {
        const sorted = new SortedKeys()
        const model = new Set<SubKey>()
        for (const { key, isAdded } of changes) {
          if (isAdded) sorted.add(key)
          else sorted.delete(key)
          if (isAdded) model.add(key)
          else model.delete(key)
        }
        const inOrder = [...model].sort((a, b) => (a < b ? -1 : 1))
        const expected = [...inOrder.filter((one) => one >= from), ...inOrder.filter((one) => one < from)]
        assert.deepEqual([...sorted.walk(from)], expected)
      }),
    )
  })
})
