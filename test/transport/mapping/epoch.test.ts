import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { RouterEpoch } from '../../../agent/transport/mapping/epoch.ts'
import { VirtualClock } from '../../../sim/virtual-clock.ts'

/** What a router's counts say that come at these times, s. */
async function judged(...counts: readonly (readonly [atS: number, epochS: number])[]): Promise<boolean[]> {
  const clock = new VirtualClock()
  const epoch = new RouterEpoch(clock)
  const said: boolean[] = []
  for (const [atS, epochS] of counts) {
    await clock.runUntil(atS * 1000)
    said.push(epoch.note(epochS))
  }
  return said
}

describe('a router has started anew', () => {
  test('when its count of seconds went back, but not by one', async () => {
    assert.deepEqual(await judged([0, 5000], [1, 4999], [2, 4997]), [false, false, true])
  })

  test('when its count went on by less than the time that has passed, or by more', async () => {
    assert.deepEqual(await judged([0, 100], [1800, 200]), [false, true])
    assert.deepEqual(await judged([0, 100], [60, 1900]), [false, true])
  })

  test('not when its clock is a twentieth fast or slow', async () => {
    assert.deepEqual(await judged([0, 0], [1800, 1890], [3600, 3605]), [false, false, false])
  })
})
