/**
 * Holds packets for a key (an address, or a peer and an address) until a question about it is answered. Each key has
 * one question at a time, and there are at most `HOLD_ADDRESSES` keys, which bounds the cost of a scan of the pool.
 */

import type { Clock } from '../core/clock.ts'
import type { Counters } from '../core/counters.ts'
import { HOLD_ADDRESSES } from './constants.ts'
import { HoldQueue } from './hold-queue.ts'

export class HoldTable<Key, Answer> {
  readonly #clock: Clock
  readonly #counters: Counters
  readonly #held = new Map<Key, HoldQueue>()

  constructor(clock: Clock, counters: Counters) {
    this.#clock = clock
    this.#counters = counters
  }

  /** Keeps a copy of `packet`. A key's first packet calls `ask`; `answered` gets the packets held by then. */
  hold(
    key: Key,
    packet: Uint8Array,
    ask: () => Promise<Answer>,
    answered: (answer: Answer, held: HoldQueue) => void,
  ): void {
    const waiting = this.#held.get(key)
    if (waiting !== undefined) {
      waiting.push(packet)
      return
    }
    if (this.#held.size >= HOLD_ADDRESSES) {
      this.#counters.drop('resolve-busy')
      return
    }
    const held = new HoldQueue(this.#clock, this.#counters)
    held.push(packet)
    this.#held.set(key, held)
    void ask().then((answer) => {
      if (this.#held.get(key) !== held) return
      this.#held.delete(key)
      answered(answer, held)
    })
  }

  /** Drops everything, counted under `reason`; later answers find nothing. */
  drop(reason: string): void {
    for (const held of this.#held.values()) held.drop(reason)
    this.#held.clear()
  }
}
