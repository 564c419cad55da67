import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Throttle } from '../../agent/core/throttle.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'

describe('a throttle', () => {
  test('lets something happen once in its time', async () => {
    const clock = new VirtualClock()
    const throttle = new Throttle(clock, 100)
    assert.deepEqual([throttle.admits(), throttle.admits()], [true, false])
    await clock.runFor(99)
    assert.equal(throttle.admits(), false)
    await clock.runFor(1)
    assert.deepEqual([throttle.admits(), throttle.admits()], [true, false])
  })

  test('lets it happen at once after a reset', () => {
    const throttle = new Throttle(new VirtualClock(), 100)
    assert.equal(throttle.admits(), true)
    throttle.reset()
    assert.equal(throttle.admits(), true)
  })
})
