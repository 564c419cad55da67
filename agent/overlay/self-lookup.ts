/**
 * Looks up this node's own place on the ring, often until it is found and now and then afterwards. This finds
 * neighbours that nobody told this node of. A node of another ring is asked the same.
 */

import { type Clock, every, type Timer } from '../core/clock.ts'
import { encode } from '../core/codec.ts'
import type { Random } from '../core/random.ts'
import type { Address } from './address.ts'
import { type Connector, decodeContacts } from './connector.ts'
import { JOIN_LOOKUP_PERIOD_MS, SELF_LOOKUP_PERIOD_MS } from './constants.ts'
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
  readonly #connector: Connector
  readonly #clock: Clock
  readonly #random: Random
  readonly #joined: () => boolean
  #timer: Timer | undefined
  #soughtAt = 0

  constructor(parts: {
    self: Address
    peers: Peers
    router: Router
    near: NearLinks
    connector: Connector
    clock: Clock
    random: Random
    /** Whether this node has found its place. */
    joined: () => boolean
  }) {
    this.#self = parts.self
    this.#peers = parts.peers
    this.#router = parts.router
    this.#near = parts.near
    this.#connector = parts.connector
    this.#clock = parts.clock
    this.#random = parts.random
    this.#joined = parts.joined
  }

  start(): void {
    this.#soughtAt = this.#clock.now()
    this.#timer = every(this.#clock, this.#random, SELF_LOOKUP_PERIOD_MS, () => void this.ask())
  }

  stop(): void {
    this.#timer?.cancel()
  }

  /** Asks when that is due for a node that is still looking for its place; called every `BEAT_MS`. */
  seek(): void {
    const now = this.#clock.now()
    if (this.#joined() || now - this.#soughtAt < JOIN_LOOKUP_PERIOD_MS) return
    this.#soughtAt = now
    void this.ask()
  }

  /**
   * Asks the ring through `through`, or a random peer; the nodes named are dialled if they belong near. `through` may be of
   * another ring, in which no node belongs near this one. The closest there is dialled in any case: this node belongs
   * between it and its neighbour, so the two rings meet there.
   */
  async ask(through?: Address): Promise<void> {
    const peers = [...this.#peers.all()]
    const first = through ?? peers[this.#random.below(peers.length)]?.address
    if (first === undefined) return
    const body = encode(ringRequestCodec, { kind: 'neighbors' })
    try {
      const answer = await this.#router.request(SERVICES.ring, this.#self, body, { through: first })
      const contacts = decodeContacts(answer.body)
      this.#near.suggest(contacts)
      const closest = contacts.find(({ address }) => address === answer.from && address !== this.#self)
      if (through !== undefined && closest !== undefined) {
        await this.#connector.connect(closest.address, undefined, closest)
      }
    } catch (error) {
      if (!(error instanceof DeliveryError)) throw error
    }
  }
}
