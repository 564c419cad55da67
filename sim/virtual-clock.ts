/**
 * Virtual time: events run in the order of their times, and in the order of their creation where times are equal.
 *
 * Between two moments every pending microtask runs, so code written with `await` runs as it would in the agent.
 * The same events created in the same order give the same run.
 */

import type { Clock, Timer } from '../agent/core/clock.ts'
import { Event, EventQueue } from './event-queue.ts'

export class VirtualClock implements Clock {
  #now = 0
  #made = 0
  readonly #events = new EventQueue()
  /** How many events have run. */
  ran = 0

  now(): number {
    return this.#now
  }

  after(delayMs: number, task: () => void): Timer {
    const event = new Event(this.#now + Math.max(0, delayMs), this.#made++, task)
    this.#events.add(event)
    return event
  }

  /** Runs every event up to `at`, and leaves the clock there. */
  async runUntil(at: number): Promise<void> {
    await settle()
    for (let first = this.#events.peek(); first !== undefined && first.at <= at; first = this.#events.peek()) {
      this.#now = first.at
      let ran = false
      for (let event: Event | undefined = first; event?.at === this.#now; event = this.#events.peek()) {
        this.#events.take()
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
