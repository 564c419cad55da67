import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Event, EventQueue } from '../../sim/event-queue.ts'

/** Adds an event so much later than the one taken last, or takes one. */
const steps = fc.array(
  fc.oneof(
    fc.record({ later: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 3, noNaN: true }), fc.nat(5_000)) }),
    fc.constant('take' as const),
  ),
  { maxLength: 400 },
)

test('events come in the order of their times, and of their creation where these are equal', () => {
  fc.assert(
    fc.property(steps, (script) => {
      const queue = new EventQueue()
      const waiting: Event[] = []
      let now = 0
      let made = 0
      const takeOne = () => {
        const event = queue.peek()
        waiting.sort((a, b) => a.at - b.at || a.order - b.order)
        assert.equal(event, waiting.shift())
        if (event === undefined) return
        queue.take()
        now = event.at
      }
      for (const step of script) {
        if (step === 'take') takeOne()
        else {
          const event = new Event(now + step.later, made++, () => {})
          waiting.push(event)
          queue.add(event)
        }
      }
      while (waiting.length > 0) takeOne()
      assert.equal(queue.peek(), undefined)
    }),
  )
})

test('an event that is added before those that are due next comes before them', () => {
  const queue = new EventQueue()
  const [late, early] = [new Event(10, 0, () => {}), new Event(2, 1, () => {})]
  queue.add(late)
  assert.equal(queue.peek(), late)
  queue.add(early)
  assert.equal(queue.peek(), early)
})
