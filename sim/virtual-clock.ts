/**
 * Virtual time: events run in the order of their times, and in the order of their creation where times are equal.
 *
 * Between two moments every pending microtask runs, so code written with `await` runs as it would in the agent.
 * The same events created in the same order give the same run.
 */

import type { Clock, Timer } from '../agent/core/clock.ts'

interface Event {
  readonly at: number
  readonly order: number
  task: (() => void) | undefined
}

export class VirtualClock implements Clock {
  #now = 0
  #made = 0
  readonly #heap: Event[] = []
  /** How many events have run. */
  ran = 0

  now(): number {
    return this.#now
  }

  after(delayMs: number, task: () => void): Timer {
    const event: Event = { at: this.#now + Math.max(0, delayMs), order: this.#made++, task }
    push(this.#heap, event)
    return {
      cancel: () => {
        event.task = undefined
      },
    }
  }

  /** Runs every event up to `at`, and leaves the clock there. */
  async runUntil(at: number): Promise<void> {
    await settle()
    while (this.#heap.length > 0 && this.#heap[0]!.at <= at) {
      const { at: moment } = this.#heap[0]!
      this.#now = moment
      let ran = false
      while (this.#heap.length > 0 && this.#heap[0]!.at === moment) {
        const event = pop(this.#heap)
        if (event.task === undefined) continue
        this.ran++
        ran = true
        event.task()
      }
      if (ran) await settle()
    }
    this.#now = Math.max(this.#now, at)
  }

  runFor(ms: number): Promise<void> {
    return this.runUntil(this.#now + ms)
  }

  /** Runs in small steps until `condition` holds; returns whether it did within `limitMs`. */
  async runUntilTrue(condition: () => boolean, limitMs: number, stepMs = 20): Promise<boolean> {
    const end = this.#now + limitMs
    while (!condition()) {
      if (this.#now >= end) return false
      await this.runFor(Math.min(stepMs, end - this.#now))
    }
    return true
  }

  /** Runs until `promise` settles; @throws when it has not by `limitMs`. */
  async complete<T>(promise: Promise<T>, limitMs = 120_000): Promise<T> {
    let settled = false
    const done = () => {
      settled = true
    }
    promise.then(done, done)
    if (!(await this.runUntilTrue(() => settled, limitMs, 5)))
      throw new Error(`not settled after ${limitMs} virtual ms`)
    return promise
  }
}

/** Moments between two turns of Node's event loop, which lets signals and real timers through. */
const MOMENTS_PER_TURN = 1_000
let moments = 0

/** Runs every pending microtask: Node runs a tick only when no microtask is left. */
function settle(): Promise<void> {
  if (++moments % MOMENTS_PER_TURN === 0) return new Promise((resolve) => setImmediate(resolve))
  return new Promise((resolve) => process.nextTick(resolve))
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

function push(heap: Event[], event: Event): void {
  let i = heap.length
  heap.push(event)
  while (i > 0) {
    const parent = (i - 1) >> 1
    if (!before(event, heap[parent]!)) break
    heap[i] = heap[parent]!
    i = parent
  }
  heap[i] = event
}

function pop(heap: Event[]): Event {
  const top = heap[0]!
  const last = heap.pop()!
  if (heap.length === 0) return top
  let i = 0
  for (;;) {
    let child = 2 * i + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
    if (!before(heap[child]!, last)) break
    heap[i] = heap[child]!
    i = child
  }
  heap[i] = last
  return top
}
