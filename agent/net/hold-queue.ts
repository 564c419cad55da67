/**
 * A few packets that wait briefly for a resolution or a handshake. A packet that waited too long is dropped rather than
 * delivered late, because its sender has retransmitted it by then.
 */

import type { Clock } from '../core/clock.ts'
import type { Counters } from '../core/counters.ts'
import { HOLD_MS, HOLD_PACKETS } from './constants.ts'

interface Held {
  readonly packet: Uint8Array
  readonly since: number
}

export class HoldQueue {
  readonly #clock: Clock
  readonly #counters: Counters
  #held: Held[] = []

  constructor(clock: Clock, counters: Counters) {
    this.#clock = clock
    this.#counters = counters
  }

  get size(): number {
    return this.#held.length
  }

  /** Keeps a copy; when the queue is full, drops the oldest. */
  push(packet: Uint8Array): void {
    if (this.#held.length >= HOLD_PACKETS) {
      this.#held.shift()
      this.#counters.drop('hold-full')
    }
    this.#held.push({ packet: packet.slice(), since: this.#clock.now() })
  }

  /** Empties the queue and returns the packets that did not wait too long, oldest first. */
  take(): Uint8Array[] {
    const held = this.#held
    this.#held = []
    const oldest = this.#clock.now() - HOLD_MS
    const fresh = held.filter(({ since }) => since >= oldest)
    if (fresh.length < held.length) this.#counters.drop('hold-late', held.length - fresh.length)
    return fresh.map(({ packet }) => packet)
  }

  /** Drops everything, counted under `reason`. */
  drop(reason: string): void {
    if (this.#held.length > 0) this.#counters.drop(reason, this.#held.length)
    this.#held = []
  }
}
