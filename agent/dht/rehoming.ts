/**
 * Hands entries that this node keeps but no longer answers for to the two replicas that do. A node that came in between
 * has fetched them already. After a partition this is how the entries of one ring meet those of the other, wherever the
 * nodes of both interleave.
 *
 * Guarantees that an entry is offered until its new replicas have it, have a newer one or keep another in its place, or
 * until `RETAIN_MS` is over.
 */

import { type Clock, every, type Timer } from '../core/clock.ts'
import { DecodeError, decode, encode } from '../core/codec.ts'
import type { Random } from '../core/random.ts'
import { DeliveryError, SERVICES } from '../overlay/overlay.ts'
import { REHOME_BATCH, REHOME_PERIOD_MS } from './constants.ts'
import type { Custody, RingView } from './custody.ts'
import type { Entry } from './entry.ts'
import type { EntryStore } from './entry-store.ts'
import { changeAnswerCodec, dhtRequestCodec } from './messages.ts'

export class Rehoming {
  readonly #ring: RingView
  readonly #store: EntryStore
  readonly #custody: Custody
  readonly #timer: Timer
  /** Versions of entries that are settled at their new replicas. */
  readonly #done = new WeakSet<Entry>()
  #busy = false

  constructor(parts: { ring: RingView; store: EntryStore; custody: Custody; clock: Clock; random: Random }) {
    this.#ring = parts.ring
    this.#store = parts.store
    this.#custody = parts.custody
    this.#timer = every(parts.clock, parts.random, REHOME_PERIOD_MS, () => void this.#round())
  }

  stop(): void {
    this.#timer.cancel()
  }

  async #round(): Promise<void> {
    if (this.#busy || this.#ring.alone || !this.#custody.open) return
    this.#busy = true
    try {
      const strays = this.#store.find((entry) => this.#isStray(entry), REHOME_BATCH)
      await Promise.all(strays.map((entry) => this.#offer(entry)))
    } finally {
      this.#busy = false
    }
  }

  #isStray(entry: Entry): boolean {
    return !this.#done.has(entry) && this.#custody.custodianOf(entry.proven.subKey) === undefined
  }

  async #offer(entry: Entry): Promise<void> {
    const body = encode(dhtRequestCodec, { kind: 'offer', entry: this.#store.toMoving(entry), both: true })
    try {
      const answer = await this.#ring.request(SERVICES.dht, entry.proven.subKey, body)
      const { verdict } = decode(changeAnswerCodec, answer.body)
      if (verdict === 'ok' || verdict === 'taken' || verdict === 'stale') this.#done.add(entry)
    } catch (error) {
      if (!(error instanceof DeliveryError || error instanceof DecodeError)) throw error
    }
  }
}
