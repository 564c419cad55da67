/** The real clock and its timers. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SystemClock } from '../../agent/core/clock.ts'

describe('the clock of the machine', () => {
  test('never calls before the time, whatever fractions the time and the delay have', async () => {
    const clock = new SystemClock()
    const early: number[] = []
    for (let round = 0; round < 20; round++) {
      const waits = Array.from({ length: 20 }, (_, i) => {
        const delayMs = 1 + i * 0.53
        const dueAt = clock.now() + delayMs
        return new Promise<void>((resolve) => {
          clock.after(delayMs, () => {
            const missingMs = dueAt - clock.now()
            if (missingMs > 0) early.push(missingMs)
            resolve()
          })
        })
      })
      await Promise.all(waits)
    }
    assert.deepEqual(early, [])
  })

  test('calls after no delay soon, and not at all after it was told not to', async () => {
    const clock = new SystemClock()
    let called = 0
    clock.after(0, () => called++)
    clock.after(0, () => called++).cancel()
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(called, 1)
  })
})
