/** Periodic work as an interface: cron in the agent, virtual time in the simulator. */

import { type Clock, every } from '../core/clock.ts'
import type { Random } from '../core/random.ts'

export interface Scheduled {
  stop(): void
}

export interface Schedule {
  /** Runs `task` about every `minutes` (a divisor of 60) until stopped, at a random offset; runs never overlap. */
  everyMinutes(minutes: number, task: () => Promise<void>): Scheduled
}

/** Follows the wall clock. Loads node-cron on first use: the first lease does not need it. */
export class CronSchedule implements Schedule {
  readonly #random: Random
  readonly #onFailure: (error: unknown) => void

  constructor(random: Random, onFailure: (error: unknown) => void) {
    this.#random = random
    this.#onFailure = onFailure
  }

  everyMinutes(minutes: number, task: () => Promise<void>): Scheduled {
    let stopped = false
    let job: Scheduled | undefined
    const start = async () => {
      const cron = await import('node-cron')
      if (stopped) return
      const offset = this.#random.below(minutes)
      const chosen = Array.from({ length: 60 / minutes }, (_, place) => offset + place * minutes).join(',')
      const expression = `${this.#random.below(60)} ${chosen} * * * *`
      const scheduled = cron.schedule(expression, () => task().catch(this.#onFailure), {
        noOverlap: true,
        suppressMissedWarning: true,
        unref: true,
      })
      job = { stop: () => void scheduled.destroy() }
    }
    start().catch(this.#onFailure)
    return {
      stop: () => {
        stopped = true
        job?.stop()
      },
    }
  }
}

/** Follows a `Clock`. */
export class ClockSchedule implements Schedule {
  readonly #clock: Clock
  readonly #random: Random
  readonly #onFailure: (error: unknown) => void

  constructor(clock: Clock, random: Random, onFailure: (error: unknown) => void) {
    this.#clock = clock
    this.#random = random
    this.#onFailure = onFailure
  }

  everyMinutes(minutes: number, task: () => Promise<void>): Scheduled {
    let running = false
    const timer = every(this.#clock, this.#random, minutes * 60_000, () => {
      if (running) return
      running = true
      task()
        .catch(this.#onFailure)
        .finally(() => {
          running = false
        })
    })
    return { stop: () => timer.cancel() }
  }
}
