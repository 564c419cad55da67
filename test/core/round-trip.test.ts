import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { RoundTrip } from '../../agent/core/round-trip.ts'

const LIMITS = { firstMs: 500, longestMs: 8_000 }

describe('how long to wait for an answer', () => {
  test('is a guess at first, then one and a half times more than the first round trip on each side of it (RFC 6298)', () => {
    const roundTrip = new RoundTrip(LIMITS)
    assert.equal(roundTrip.timeoutMs, 500)
    roundTrip.observe(600)
    assert.equal(roundTrip.timeoutMs, 600 + 4 * 300)
  })

  test('comes close to a steady round trip, and widens when it varies', () => {
    const roundTrip = new RoundTrip(LIMITS)
    for (let i = 0; i < 50; i++) roundTrip.observe(600)
    assert.ok(roundTrip.timeoutMs >= 600 && roundTrip.timeoutMs < 610)
    for (let i = 0; i < 50; i++) roundTrip.observe(i % 2 === 0 ? 300 : 900)
    assert.ok(roundTrip.timeoutMs > 1_200)
  })

  test('doubles while nothing comes, up to the longest, so that a slow answer is measured in the end', () => {
    const roundTrip = new RoundTrip(LIMITS)
    const timeouts = [0, 1, 2, 3, 4, 5].map(() => {
      const { timeoutMs } = roundTrip
      roundTrip.expire()
      return timeoutMs
    })
    assert.deepEqual(timeouts, [500, 1_000, 2_000, 4_000, 8_000, 8_000])
    roundTrip.observe(3_000)
    assert.equal(roundTrip.timeoutMs, 8_000)
    for (let i = 0; i < 50; i++) roundTrip.observe(3_000)
    assert.ok(roundTrip.timeoutMs < 3_100)
  })
})
