/** One client's messages: one is processed at a time; of those that arrive meanwhile only the latest is kept. */

import type { Clock } from '../core/clock.ts'
import type { ClientId } from '../lease/lease.ts'
import type { DhcpPacket } from './packet.ts'

export interface Job {
  readonly packet: DhcpPacket
  readonly client: ClientId
}

export class ClientQueue {
  #current: Job
  #next: Job | undefined
  #hurry: () => void = () => {}

  constructor(first: Job) {
    this.#current = first
  }

  get current(): Job {
    return this.#current
  }

  /** The client has sent a newer message than the current job. */
  get waiting(): boolean {
    return this.#next !== undefined
  }

  /** Puts a message next in line, replacing one that waits, and ends a pause of the current job. */
  push(job: Job): void {
    this.#next = job
    this.#hurry()
  }

  /** Moves on to the waiting message; false when none waits. */
  advance(): boolean {
    if (this.#next === undefined) return false
    this.#current = this.#next
    this.#next = undefined
    return true
  }

  /** Waits `ms`, or until the client sends a newer message. */
  pause(clock: Clock, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = clock.after(ms, resolve)
      this.#hurry = () => {
        timer.cancel()
        resolve()
      }
    })
  }
}
