import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { NodeClock } from '../../sim/node-clock.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'

describe('the clock of a simulated node', () => {
  test('comes to each time that is waited for, however its time is rounded', async () => {
    const world = new VirtualClock()
    const clock = new NodeClock(world, 1.0077)
    clock.hold('freeze')
    await world.runFor(4_769.9)
    clock.resume()
    // Past 2^15 ms the world's time has coarser steps than the node's.
    await world.runFor(28_000)
    let reached = 0
    const waitFor = (at: number, looks = 0): void => {
      if (clock.now() >= at) reached++
      else if (looks < 100) clock.after(at - clock.now(), () => waitFor(at, looks + 1))
    }
    for (let i = 1; i <= 1_000; i++) waitFor(clock.now() + i * Math.SQRT2)
    await world.runFor(10_000)
    assert.equal(reached, 1_000)
  })
})
