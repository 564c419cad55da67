/**
 * Time as an interface.
 *
 * Everything from the ring up to the leases reads time from a `Clock`, so the same code runs in the agent and, in
 * virtual time, in the simulator. `now` never goes back and does not follow the wall clock.
 */

import { SuspendMeter } from './suspend-meter.ts'

export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Milliseconds since an arbitrary start. Monotonic; counts time that the machine slept. */
  now(): number
  /** Calls `task` once, `delayMs` from now at the earliest. */
  after(delayMs: number, task: () => void): Timer
}

/**
 * The real clock. It counts from 1970, if the machine's clock was right when the process started. A process that starts
 * later then reads a larger time, which spares the DHT client a question. Nothing else relies on this.
 *
 * Node's timers stand still while the machine sleeps. Timers that fell due meanwhile run after the next call of `now`.
 */
export class SystemClock implements Clock {
  readonly #meter = new SuspendMeter()
  readonly #timers = new Set<SystemTimer>()
  #suspendedMs = 0

  now(): number {
    const suspendedMs = this.#meter.suspendedMs()
    const now = performance.timeOrigin + performance.now() + suspendedMs
    if (suspendedMs !== this.#suspendedMs) {
      this.#suspendedMs = suspendedMs
      for (const timer of this.#timers) timer.arm(timer.dueAt - now)
    }
    return now
  }

  after(delayMs: number, task: () => void): Timer {
    const timer = new SystemTimer(this.now() + delayMs, () => {
      this.#timers.delete(timer)
      task()
    })
    this.#timers.add(timer)
    timer.arm(delayMs)
    return {
      cancel: () => {
        this.#timers.delete(timer)
        timer.stop()
      },
    }
  }
}

/** Just under the longest delay of `setTimeout`, ms; it runs a longer one at once. */
const LONGEST_MS = 2 ** 31 - 2
/** Node's timers drop the fraction of the time and of the delay, so they may run almost so much too early, ms. */
const FRACTIONS_MS = 1

class SystemTimer {
  readonly dueAt: number
  readonly #task: () => void
  #handle: NodeJS.Timeout | undefined

  constructor(dueAt: number, task: () => void) {
    this.dueAt = dueAt
    this.#task = task
  }

  arm(delayMs: number): void {
    this.stop()
    const restMs = delayMs - LONGEST_MS
    this.#handle =
      restMs > 0
        ? setTimeout(() => this.arm(restMs), LONGEST_MS)
        : setTimeout(this.#task, Math.ceil(Math.max(0, delayMs)) + FRACTIONS_MS)
  }

  stop(): void {
    clearTimeout(this.#handle)
  }
}

export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, resolve)
  })
}

/** Calls `task` every `periodMs`, each time up to a tenth early or late so that nodes do not fall into step. */
export function every(clock: Clock, random: { float(): number }, periodMs: number, task: () => void): Timer {
  let timer: Timer
  const arm = () => {
    timer = clock.after(periodMs * (0.9 + 0.2 * random.float()), () => {
      arm()
      task()
    })
  }
  arm()
  return { cancel: () => timer.cancel() }
}
