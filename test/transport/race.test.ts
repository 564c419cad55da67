import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Clock, Timer } from '../../agent/core/clock.ts'
import { type Attempt, race } from '../../agent/transport/race.ts'

/** A clock that stands still until the test advances it. */
class HandClock implements Clock {
  #now = 0
  #timers = new Map<object, { at: number; task: () => void }>()

  now(): number {
    return this.#now
  }

  after(delayMs: number, task: () => void): Timer {
    const key = {}
    this.#timers.set(key, { at: this.#now + delayMs, task })
    return { cancel: () => this.#timers.delete(key) }
  }

  async pass(ms: number): Promise<void> {
    this.#now += ms
    for (const [key, timer] of this.#timers) {
      if (timer.at > this.#now) continue
      this.#timers.delete(key)
      timer.task()
    }
    await settled()
  }

  get pending(): number {
    return this.#timers.size
  }
}

/** Lets every promise callback run. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

/** An attempt that the test controls. */
class Try implements Attempt<string> {
  readonly headStart: number
  readonly patient: boolean
  started = false
  calledOff = false
  win: (value: string) => void = () => {}
  fail: (error: Error) => void = () => {}

  constructor(headStart: number, patient = false) {
    this.headStart = headStart
    this.patient = patient
  }

  run(signal: AbortSignal): Promise<string> {
    this.started = true
    signal.addEventListener('abort', () => {
      this.calledOff = true
    })
    return new Promise((resolve, reject) => {
      this.win = resolve
      this.fail = reject
    })
  }
}

function start(...attempts: Try[]) {
  const clock = new HandClock()
  const outer = new AbortController()
  const discarded: string[] = []
  const result = race(attempts, { clock, signal: outer.signal, discard: (late) => discarded.push(late) })
  result.catch(() => {
    // The tests that expect a rejection check it.
  })
  return { clock, outer, discarded, result }
}

describe('a race of attempts', () => {
  test('starts the first at once and the next only when its head start is over', async () => {
    const [one, two] = [new Try(250), new Try(250)]
    const { clock, result } = start(one, two)
    assert.deepEqual([one.started, two.started], [true, false])
    await clock.pass(249)
    assert.equal(two.started, false)
    await clock.pass(1)
    assert.equal(two.started, true)
    two.win('two')
    assert.equal(await result, 'two')
  })

  test('starts the next as soon as one has failed', async () => {
    const [one, two] = [new Try(250), new Try(250)]
    const { result } = start(one, two)
    one.fail(new Error('refused'))
    await settled()
    assert.equal(two.started, true)
    two.win('two')
    assert.equal(await result, 'two')
  })

  test('lets a patient attempt wait while another is under way, but not when all have failed', async () => {
    const [one, two, relay] = [new Try(0), new Try(10), new Try(600, true)]
    const { clock } = start(one, two, relay)
    await clock.pass(10)
    two.fail(new Error('refused'))
    await settled()
    assert.equal(relay.started, false)
    one.fail(new Error('refused'))
    await settled()
    assert.equal(relay.started, true)
  })

  test('calls the losers off, not the winner, and takes back what they achieve later', async () => {
    const [one, two] = [new Try(0), new Try(10)]
    const { clock, discarded, result } = start(one, two)
    await clock.pass(10)
    two.win('two')
    assert.equal(await result, 'two')
    assert.deepEqual([one.calledOff, two.calledOff], [true, false])
    one.win('one')
    await settled()
    assert.deepEqual(discarded, ['one'])
    assert.equal(clock.pending, 0)
  })

  test('fails with every reason when every attempt has failed', async () => {
    const [one, two] = [new Try(0), new Try(10)]
    const { result } = start(one, two)
    one.fail(new Error('first'))
    await settled()
    two.fail(new Error('second'))
    await assert.rejects(result, (error: unknown) => {
      assert.ok(error instanceof AggregateError)
      assert.deepEqual(
        error.errors.map((one) => (one as Error).message),
        ['first', 'second'],
      )
      return true
    })
  })

  test('ends with the reason of whoever calls it off', async () => {
    const one = new Try(0)
    const { clock, outer, result } = start(one, new Try(10))
    const reason = new Error('enough')
    outer.abort(reason)
    await assert.rejects(result, reason)
    assert.equal(one.calledOff, true)
    assert.equal(clock.pending, 0)
  })

  test('without attempts fails at once', async () => {
    await assert.rejects(start().result, AggregateError)
  })
})
