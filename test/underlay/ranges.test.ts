import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Ranges } from '../../agent/underlay/stream/ranges.ts'

const END = 60

/** What a set of integers says of itself as ranges. */
function rangesOf(set: ReadonlySet<number>): [number, number][] {
  const ranges: [number, number][] = []
  for (let i = 0; i < END; i++) {
    if (!set.has(i)) continue
    if (ranges.at(-1)?.[1] === i) ranges.at(-1)![1] = i + 1
    else ranges.push([i, i + 1])
  }
  return ranges
}

function listed(ranges: Ranges): [number, number][] {
  return Array.from({ length: ranges.count }, (_, i) => [ranges.start(i), ranges.end(i)])
}

describe('ranges', () => {
  test('are a set of integers', () => {
    const step = fc.record({ removes: fc.boolean(), start: fc.nat(END), end: fc.nat(END) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const ranges = new Ranges()
        const set = new Set<number>()
        for (const { removes, start, end } of steps) {
          const count = ranges.count
          const splits = start < end && ranges.wouldSplit(start, end)
          if (removes) ranges.remove(start, end)
          else {
            ranges.add(start, end)
            assert.equal(ranges.count > count, splits)
          }
          for (let i = start; i < end; i++) removes ? set.delete(i) : set.add(i)
          assert.deepEqual(listed(ranges), rangesOf(set))
          for (let i = 0; i < END; i++) assert.equal(ranges.has(i), set.has(i))
        }
      }),
    )
  })

  test('tell what of a range is missing', () => {
    const piece = fc.tuple(fc.nat(END), fc.nat(END))
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), piece, (pieces, [start, end]) => {
        const ranges = new Ranges()
        for (const [from, to] of pieces) ranges.add(from, to)
        const missing = new Set<number>()
        for (let i = start; i < end; i++) if (!ranges.has(i)) missing.add(i)
        assert.deepEqual([...ranges.missing(start, end)], rangesOf(missing))
      }),
    )
  })
})
