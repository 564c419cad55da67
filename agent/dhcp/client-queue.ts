/** Where one client's messages are worked on, one at a time; of what comes meanwhile the latest follows. */

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

  /** The client has said something newer than the current job. */
  get waiting(): boolean {
    return this.#next !== undefined
  }

  /** Puts a message next in line, in place of one that waited; a pause of the current job ends. */
  push(job: Job): void {
    this.#next = job
    this.#hurry()
  }

  /** Goes on to what waits; false when nothing does. */
  advance(): boolean {
    if (this.#next === undefined) return false
    this.#current = this.#next
    this.#next = undefined
    return true
  }

  /** Waits `ms`, or until the client has something newer to say. */
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
