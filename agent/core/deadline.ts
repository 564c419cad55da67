/** Work that must end: by itself, when somebody calls it off, or when its time is over. */

import type { Clock, Timer } from './clock.ts'

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

/** A signal that says when `limitMs` are over; to be cancelled when the work is done. */
export function timeLimit(clock: Clock, limitMs: number): { readonly signal: AbortSignal; cancel(): void } {
  const end = new AbortController()
  const timer = clock.after(limitMs, () => end.abort())
  return { signal: end.signal, cancel: () => timer.cancel() }
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

/** @throws what `late` makes when `work` takes longer than `limitMs`; the work goes on unheard. */
export async function within<T>(clock: Clock, limitMs: number, work: Promise<T>, late: () => Error): Promise<T> {
  let timer: Timer | undefined
  const tooLate = new Promise<never>((_, reject) => {
    timer = clock.after(limitMs, () => reject(late()))
  })
  try {
    return await Promise.race([work, tooLate])
  } finally {
    timer?.cancel()
  }
}

/** Waits for `work` until `signal` says so; the work itself goes on. @throws the signal's reason, or what `work` throws */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work
  let onAbort = () => {}
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason)
  })
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    signal.throwIfAborted()
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** `AbortSignal.any` would do, but in Node 20 it can lose the signals that it follows to the garbage collector. */
function follow(signal: AbortSignal, end: AbortController): () => void {
  const onAbort = () => end.abort(signal.reason)
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  return () => signal.removeEventListener('abort', onAbort)
}
