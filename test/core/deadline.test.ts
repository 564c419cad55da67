import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SystemClock } from '../../agent/core/clock.ts'
import { doneWithin, timeLimit, unlessAborted, withDeadline, within } from '../../agent/core/deadline.ts'

const clock = new SystemClock()
const late = new Error('too late')

/** Ends only when it is aborted. */
function forever(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('called off'))))
}

describe('work with a deadline', () => {
  test('gives what it gives when it ends in time', async () => {
    assert.equal(await withDeadline({ clock, limitMs: 60_000, signals: [], late }, async () => 7), 7)
  })

  test('fails for its own reason when it fails in time', async () => {
    const own = new Error('own')
    const work = withDeadline({ clock, limitMs: 60_000, signals: [], late }, () => Promise.reject(own))
    await assert.rejects(work, own)
  })

  test('is told to end when its time is over', async () => {
    await assert.rejects(withDeadline({ clock, limitMs: 1, signals: [], late }, forever), late)
  })

  test('ends by whichever signal comes first, also one that came before', async () => {
    const [first, second] = [new AbortController(), new AbortController()]
    const reason = new Error('enough')
    const signals = [first.signal, second.signal]
    const work = withDeadline({ clock, limitMs: 60_000, signals, late }, forever)
    second.abort(reason)
    await assert.rejects(work, reason)
    await assert.rejects(withDeadline({ clock, limitMs: 60_000, signals, late }, forever), reason)
  })

  test('may be waited for no longer than a while', async () => {
    assert.equal(await doneWithin(clock, 60_000, Promise.resolve()), true)
    assert.equal(await doneWithin(clock, 1, new Promise(() => {})), false)
    assert.equal(await within(clock, 60_000, Promise.resolve(7), () => late), 7)
    await assert.rejects(
      within(clock, 1, new Promise(() => {}), () => late),
      late,
    )
  })

  test('makes its own end when it is only told that its time is over', async () => {
    const long = timeLimit(clock, 60_000)
    assert.equal(long.signal.aborted, false)
    long.cancel()
    await assert.rejects(forever(timeLimit(clock, 1).signal), /called off/)
  })
})

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
