/**
 * Trying several ways to one goal, in the manner of Happy Eyeballs (RFC 8305): in order, each a little after the one
 * before or as soon as that one has failed; the first that succeeds wins and the others are called off.
 */

import type { Clock, Timer } from '../core/clock.ts'

export interface Attempt<T> {
  /** Milliseconds that the attempts before this one are given, counted from the last of their starts. */
  readonly headStart: number
  /** Waits its head start out while any attempt is still under way; others start as soon as one has failed. */
  readonly patient?: boolean
  run(signal: AbortSignal): Promise<T>
}

export interface RaceOptions<T> {
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Takes back what an attempt achieved after another had won. */
  readonly discard: (late: T) => void
}

/** @throws AggregateError of every attempt's error, in order of failing; or the signal's reason */
export function race<T>(attempts: readonly Attempt<T>[], options: RaceOptions<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    // One each: what a winner was given must stay valid, for it may be used after this.
    const running = new Set<AbortController>()
    const errors: unknown[] = []
    let next = 0
    let settled = false
    let timer: Timer | undefined

    const settle = (finish: () => void) => {
      settled = true
      timer?.cancel()
      options.signal.removeEventListener('abort', onAbort)
      for (const controller of running) controller.abort()
      finish()
    }
    const onAbort = () => settle(() => reject(options.signal.reason))

    const startNext = () => {
      timer?.cancel()
      const attempt = attempts[next]
      if (attempt === undefined) {
        if (running.size === 0) settle(() => reject(new AggregateError(errors, 'every attempt failed')))
        return
      }
      next++
      const controller = new AbortController()
      running.add(controller)
      attempt.run(controller.signal).then(
        (value) => {
          running.delete(controller)
          if (settled) options.discard(value)
          else settle(() => resolve(value))
        },
        (error: unknown) => {
          running.delete(controller)
          if (settled) return
          errors.push(error)
          if (running.size === 0 || attempts[next]?.patient !== true) startNext()
        },
      )
      const following = attempts[next]
      if (following !== undefined) timer = options.clock.after(following.headStart, startNext)
    }

    if (options.signal.aborted) return reject(options.signal.reason)
    options.signal.addEventListener('abort', onAbort, { once: true })
    startNext()
  })
}
