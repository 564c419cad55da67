import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ReplayWindow } from '../../agent/underlay/replay-window.ts'

/** Takes a counter if it is admitted; returns whether it was. */
function tries(window: ReplayWindow, counter: number): boolean {
  const admitted = window.admits(counter)
  if (admitted) window.take(counter)
  return admitted
}

describe('the replay window', () => {
  test('takes each counter once, in any order, unless it is far behind', () => {
    const steps = fc.array(fc.oneof(fc.nat(200), fc.nat(20_000), fc.integer({ min: -9_000, max: 9_000 })), {
      maxLength: 400,
    })
    fc.assert(
      fc.property(steps, (offsets) => {
        const window = new ReplayWindow()
        const taken = new Set<number>()
        for (const offset of offsets) {
          const counter = Math.max(0, window.greatest + offset)
          const isNew = !taken.has(counter) && counter + 8_160 > window.greatest
          assert.equal(tries(window, counter), isNew, `${counter}, greatest ${window.greatest}`)
          taken.add(counter)
        }
      }),
    )
  })

  test('takes what 4,096 others have overtaken', () => {
    const window = new ReplayWindow()
    for (let counter = 1; counter <= 4_096; counter++) assert.ok(tries(window, counter))
    assert.ok(tries(window, 0))
    assert.ok(!tries(window, 0))
  })

  test('holds with counters beyond 32 bits', () => {
    const window = new ReplayWindow()
    assert.ok(tries(window, 2 ** 51))
    assert.ok(tries(window, 2 ** 51 - 8_159))
    assert.ok(!tries(window, 2 ** 51 - 8_160))
    assert.ok(!tries(window, 2 ** 51))
  })
})
