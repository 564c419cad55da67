/**
 * Owners whose entry gave way to another, as it happens when a partition heals: each is told, and lets go at once. Whoever
 * stays out of reach, or comes when too many are being told, learns when it renews.
 */

import { type Clock, sleep } from '../core/clock.ts'
import { encode } from '../core/codec.ts'
import type { Address } from '../overlay/address.ts'
import { DeliveryError, type Overlay, SERVICES } from '../overlay/overlay.ts'
import { TELL_LOSER_PAUSE_MS, TELL_LOSER_TRIES, TELL_LOSERS } from './constants.ts'
import { dhtRequestCodec } from './messages.ts'
import type { Proven } from './proof.ts'

export class ConflictNotifier {
  readonly #ring: Overlay
  readonly #clock: Clock
  #telling = 0
  #stopped = false

  constructor(parts: { ring: Overlay; clock: Clock }) {
    this.#ring = parts.ring
    this.#clock = parts.clock
  }

  async tell({ subKey, change }: Proven): Promise<void> {
    if (this.#telling >= TELL_LOSERS) return
    this.#telling++
    const body = encode(dhtRequestCodec, { kind: 'contested', key: subKey })
    try {
      for (let i = 0; i < TELL_LOSER_TRIES && !this.#stopped; i++) {
        if (await this.#reaches(change.statement.publisher, body)) return
        // The two rings are still growing together.
        await sleep(this.#clock, TELL_LOSER_PAUSE_MS)
      }
    } finally {
      this.#telling--
    }
  }

  stop(): void {
    this.#stopped = true
  }

  async #reaches(publisher: Address, body: Uint8Array): Promise<boolean> {
    try {
      await this.#ring.request(SERVICES.dht, publisher, body, { delivery: 'exact' })
      return true
    } catch (error) {
      if (error instanceof DeliveryError) return false
      throw error
    }
  }
}
