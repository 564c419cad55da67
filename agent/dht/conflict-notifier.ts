/**
 * Owners whose entry gave way to another, as it happens when a partition heals: each is told, and lets go at once. An owner
 * that stays out of reach learns when it renews.
 *
 * Anybody can offer entries that lose, in any name. So each is told once, and only some again; and what came over one link
 * takes up no more than its share: `TELL_LOSERS_PER_LINK`.
 */

import { type Clock, sleep } from '../core/clock.ts'
import { encode } from '../core/codec.ts'
import type { Address } from '../overlay/address.ts'
import { DeliveryError, type Overlay, SERVICES } from '../overlay/overlay.ts'
import { TELL_LOSER_PAUSE_MS, TELL_LOSER_TRIES, TELL_LOSERS_AGAIN, TELL_LOSERS_PER_LINK } from './constants.ts'
import { dhtRequestCodec } from './messages.ts'
import type { Proven } from './proof.ts'

export class ConflictNotifier {
  readonly #ring: Overlay
  readonly #clock: Clock
  /** How many are being told, by the link that their entry came over. */
  readonly #telling = new Map<Address, number>()
  #retrying = 0
  #stopped = false

  constructor(parts: { ring: Overlay; clock: Clock }) {
    this.#ring = parts.ring
    this.#clock = parts.clock
  }

  /** `broughtBy`: the linked node that brought the entry that won or lost. */
  async tell({ subKey, change }: Proven, broughtBy: Address): Promise<void> {
    const telling = this.#telling.get(broughtBy) ?? 0
    if (telling >= TELL_LOSERS_PER_LINK) return
    this.#telling.set(broughtBy, telling + 1)
    const body = encode(dhtRequestCodec, { kind: 'contested', key: subKey })
    const { publisher } = change.statement
    try {
      if (!(await this.#reaches(publisher, body))) await this.#retry(publisher, body)
    } finally {
      const left = this.#telling.get(broughtBy)! - 1
      if (left > 0) this.#telling.set(broughtBy, left)
      else this.#telling.delete(broughtBy)
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
