/** Looking for this node's own place on the ring: finds the neighbours that nobody told it of. */

import { encode } from '../core/codec.ts'
import type { Random } from '../core/random.ts'
import type { Address } from './address.ts'
import { decodeContacts } from './connector.ts'
import { ringRequestCodec } from './messages.ts'
import type { NearLinks } from './near-links.ts'
import { DeliveryError, SERVICES } from './overlay.ts'
import type { Peers } from './peers.ts'
import type { Router } from './router.ts'

export class SelfLookup {
  readonly #self: Address
  readonly #peers: Peers
  readonly #router: Router
  readonly #near: NearLinks
  readonly #random: Random

  constructor(parts: { self: Address; peers: Peers; router: Router; near: NearLinks; random: Random }) {
    this.#self = parts.self
    this.#peers = parts.peers
    this.#router = parts.router
    this.#near = parts.near
    this.#random = parts.random
  }

  /** Asks the ring as `through` sees it, or a random linked node; what it names is dialled if it belongs near. */
  async ask(through?: Address): Promise<void> {
    const peers = [...this.#peers.all()]
    const first = through ?? peers[this.#random.below(peers.length)]?.address
    if (first === undefined) return
    const body = encode(ringRequestCodec, { kind: 'neighbors' })
    try {
      const answer = await this.#router.request(SERVICES.ring, this.#self, body, { through: first })
      this.#near.suggest(decodeContacts(answer.body))
    } catch (error) {
      if (!(error instanceof DeliveryError)) throw error
    }
  }
}
