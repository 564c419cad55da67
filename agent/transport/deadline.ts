/** Work that must end: by itself, when somebody calls it off, or when its time is over. */

import type { Clock, Timer } from '../core/clock.ts'

export interface Deadline {
  readonly clock: Clock
  readonly limitMs: number
  /** Who else may call the work off. */
  readonly signals: readonly AbortSignal[]
  /** Why, when the time is over. */
  readonly late: Error
}

/** @throws the reason of whatever ended `work` from outside, else what `work` throws */
export async function withDeadline<T>(deadline: Deadline, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const end = new AbortController()
  const unfollow = deadline.signals.map((signal) => follow(signal, end))
  const timer = deadline.clock.after(deadline.limitMs, () => end.abort(deadline.late))
  try {
    end.signal.throwIfAborted()
    return await work(end.signal)
  } catch (error) {
    throw end.signal.aborted ? end.signal.reason : error
  } finally {
    timer.cancel()
    for (const stop of unfollow) stop()
  }
}

/** Whether `work` was done in time; it goes on in any case. */
export async function doneWithin(clock: Clock, limitMs: number, work: Promise<unknown>): Promise<boolean> {
  let timer: Timer | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = clock.after(limitMs, () => resolve(false))
  })
  const done = await Promise.race([work.then(() => true), late])
  timer?.cancel()
  return done
}

/** `AbortSignal.any` would do, but in Node 20 it can lose the signals that it follows to the garbage collector. */
function follow(signal: AbortSignal, end: AbortController): () => void {
  const onAbort = () => end.abort(signal.reason)
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  return () => signal.removeEventListener('abort', onAbort)
}
