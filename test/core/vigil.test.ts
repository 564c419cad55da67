import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ABSENT_AFTER_MS, Vigil } from '../../agent/core/vigil.ts'
import { HOLDS, NodeClock } from '../../sim/node-clock.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'

function watched() {
  const world = new VirtualClock()
  const clock = new NodeClock(world)
  const vigil = new Vigil(clock)
  const gaps: number[] = []
  vigil.onAbsence((gapMs) => gaps.push(gapMs))
  vigil.start()
  return { world, clock, vigil, gaps }
}

describe('a node that watches whether it runs', () => {
  test('finds nothing as long as it does, however little comes in', async () => {
    const { world, vigil, gaps } = watched()
    await world.runFor(600_000)
    vigil.look()
    assert.deepEqual(gaps, [])
  })

  for (const hold of HOLDS.filter((how) => how !== 'freeze')) {
    test(`knows of its absence before it works on what came in meanwhile: ${hold}`, async () => {
      const { world, clock, vigil, gaps } = watched()
      clock.hold(hold)
      await world.runFor(90_000)
      clock.resume()
      vigil.look()
      assert.equal(gaps.length, 1)
      assert.ok(gaps[0]! >= 90_000 && gaps[0]! < 90_000 + ABSENT_AFTER_MS)
    })
  }

  test('cannot know it when its clock stood still, but takes the word of others', async () => {
    const { world, clock, vigil, gaps } = watched()
    clock.hold('freeze')
    await world.runFor(90_000)
    clock.resume()
    vigil.look()
    assert.deepEqual(gaps, [])
    vigil.report(90_000)
    assert.deepEqual(gaps, [90_000])
  })

  test('knows of its absence when nothing comes in at all', async () => {
    const { world, clock, gaps } = watched()
    clock.hold('sleep')
    await world.runFor(90_000)
    clock.resume()
    await world.runFor(ABSENT_AFTER_MS)
    assert.equal(gaps.length, 1)
  })

  test('does not count its end', async () => {
    const { world, vigil, gaps } = watched()
    vigil.stop()
    await world.runFor(90_000)
    vigil.look()
    assert.deepEqual(gaps, [])
  })
})
