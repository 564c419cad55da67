import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { unlessAborted } from '../../agent/core/abort.ts'

describe('waiting that somebody may call off', () => {
  const never = new Promise<string>(() => {})

  test('ends with the work when nobody does', async () => {
    assert.equal(await unlessAborted(Promise.resolve('done'), new AbortController().signal), 'done')
    assert.equal(await unlessAborted(Promise.resolve('done'), undefined), 'done')
    await assert.rejects(unlessAborted(Promise.reject(new Error('broken')), new AbortController().signal), /broken/)
  })

  test('ends with the reason when somebody does, then or before', async () => {
    const abort = new AbortController()
    const waiting = unlessAborted(never, abort.signal)
    abort.abort(new Error('called off'))
    await assert.rejects(waiting, /called off/)
    await assert.rejects(unlessAborted(never, abort.signal), /called off/)
  })
})
