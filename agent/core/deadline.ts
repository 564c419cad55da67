/** Work that must end: by itself, when a caller aborts it, or when its time runs out. */

import type { Clock, Timer } from './clock.ts'

export interface Deadline {
  readonly clock: Clock
  readonly limitMs: number
  /** Any of these aborts the work too. */
  readonly signals: readonly AbortSignal[]
  /** The reason to abort with when the time runs out. */
  readonly late: Error
}

/** @throws the abort reason when a signal or the time limit ended `work`, else what `work` throws */
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

/** A signal that aborts after `limitMs`; call `cancel` when the work is done. */
export function timeLimit(clock: Clock, limitMs: number): { readonly signal: AbortSignal; cancel(): void } {
  const end = new AbortController()
  const timer = clock.after(limitMs, () => end.abort())
  return { signal: end.signal, cancel: () => timer.cancel() }
}

/** Whether `work` finished within `limitMs`; it is not stopped. @throws what `work` throws in that time */
export async function doneWithin(clock: Clock, limitMs: number, work: Promise<unknown>): Promise<boolean> {
  let timer: Timer | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = clock.after(limitMs, () => resolve(false))
  })
  const done = await Promise.race([work.then(() => true), late])
  timer?.cancel()
  return done
}

/** @throws the error from `late` when `work` takes longer than `limitMs`; `work` is not stopped, its result is lost. */
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

/** Waits for `work` until `signal` aborts; `work` is not stopped. @throws the signal's reason, or what `work` throws */
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

/** Not `AbortSignal.any`: in Node 20 it can lose the signals it follows to the garbage collector. */
function follow(signal: AbortSignal, end: AbortController): () => void {
  const onAbort = () => end.abort(signal.reason)
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  return () => signal.removeEventListener('abort', onAbort)
}
