/**
 * Tries several ways to one goal, like Happy Eyeballs (RFC 8305): in order, each a little after the one before or as
 * soon as one has failed. The first to succeed wins, and the others are aborted.
 */

import type { Clock, Timer } from '../core/clock.ts'

export interface Attempt<T> {
  /** How long this attempt waits after the start of the one before it, ms. */
  readonly headStart: number
  /** Waits out its head start while any attempt is still running; other attempts start as soon as one has failed. */
  readonly patient?: boolean
  run(signal: AbortSignal): Promise<T>
}

export interface RaceOptions<T> {
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Disposes of an attempt's result that came after another had won. */
  readonly discard: (late: T) => void
}

/** @throws AggregateError of all attempts' errors, in the order in which they failed; or the signal's reason */
export function race<T>(attempts: readonly Attempt<T>[], options: RaceOptions<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    // One controller for each attempt: the winner's signal must stay valid, since it may be used later.
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
