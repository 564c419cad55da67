import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Backoff } from '../../agent/core/backoff.ts'

describe('a pause between tries', () => {
  test('doubles from failure to failure, up to the longest', () => {
    const backoff = new Backoff({ minMs: 100, maxMs: 500 })
    assert.deepEqual(
      [1, 2, 3, 4, 5].map(() => backoff.next()),
      [100, 200, 400, 500, 500],
    )
  })

  test('begins anew after a success', () => {
    const backoff = new Backoff({ minMs: 100, maxMs: 500, factor: 3 })
    assert.deepEqual([backoff.next(), backoff.next()], [100, 300])
    backoff.reset()
    assert.equal(backoff.pauseMs, 100)
    assert.equal(backoff.next(), 100)
  })
})
