/**
 * Tells owners that their entry gave way to another, which happens when a partition heals, so that they let go at once. An
 * owner that stays out of reach learns when it renews.
 *
 * Anyone can offer entries that lose, in any name. So every owner is told once and only some again, and the entries that came
 * over one link take up no more than `TELL_LOSERS_PER_LINK`.
 */

import { type Clock, sleep } from '../core/clock.ts'
import { encode } from '../core/codec.ts'
import type { Address } from '../overlay/address.ts'
import { LinkShares } from '../overlay/link-shares.ts'
import { DeliveryError, type Overlay, SERVICES } from '../overlay/overlay.ts'
import { TELL_LOSER_PAUSE_MS, TELL_LOSER_TRIES, TELL_LOSERS_AGAIN, TELL_LOSERS_PER_LINK } from './constants.ts'
import { dhtRequestCodec } from './messages.ts'
import type { Proven } from './proof.ts'

export class ConflictNotifier {
  readonly #ring: Overlay
  readonly #clock: Clock
  /** The owners that are being told, by the link that brought the entry. */
  readonly #telling = new LinkShares({ all: Number.POSITIVE_INFINITY, perLink: TELL_LOSERS_PER_LINK })
  #retrying = 0
  #stopped = false

  constructor(parts: { ring: Overlay; clock: Clock }) {
    this.#ring = parts.ring
    this.#clock = parts.clock
  }

  /** `broughtBy`: the linked node that brought the other entry. */
  async tell({ subKey, change }: Proven, broughtBy: Address): Promise<void> {
    if (!this.#telling.take(broughtBy)) return
    const body = encode(dhtRequestCodec, { kind: 'contested', key: subKey })
    const { publisher } = change.statement
    try {
      if (!(await this.#reaches(publisher, body))) await this.#retry(publisher, body)
    } finally {
      this.#telling.release(broughtBy)
    }
  }

  /** The two rings may still be growing together. */
  async #retry(publisher: Address, body: Uint8Array): Promise<void> {
    if (this.#retrying >= TELL_LOSERS_AGAIN) return
    this.#retrying++
    try {
      for (let i = 1; i < TELL_LOSER_TRIES && !this.#stopped; i++) {
        await sleep(this.#clock, TELL_LOSER_PAUSE_MS)
        if (await this.#reaches(publisher, body)) return
      }
    } finally {
      this.#retrying--
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
