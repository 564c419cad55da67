/**
 * Time as an interface.
 *
 * Everything from the ring up to the leases asks a `Clock`, so that the same code runs in the agent and, in virtual
 * time, in the simulator. `now` never jumps back and knows nothing of the wall clock.
 */

export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Milliseconds since an arbitrary start; monotonic. */
  now(): number
  /** Calls `task` once, `delayMs` from now. */
  after(delayMs: number, task: () => void): Timer
}

/**
 * The real one. Counts from 1970 as far as the machine's clock was right when the process started: a process that starts
 * later reads a larger time, which spares the DHT's client a question, and nothing else relies on it.
 */
export class SystemClock implements Clock {
  now(): number {
    return performance.timeOrigin + performance.now()
  }

  after(delayMs: number, task: () => void): Timer {
    const timer = setTimeout(task, delayMs)
    return { cancel: () => clearTimeout(timer) }
  }
}

export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, resolve)
  })
}

/** Calls `task` every `periodMs`, each time stretched or shortened by up to a tenth so that nodes do not march in step. */
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
