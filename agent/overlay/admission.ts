/**
 * Which links this node accepts, and how many frames it hears from each peer.
 *
 * Guarantees: a rate limits what one peer can make this node do, and the rate is lower for a stranger than for a node
 * that this one wants a link to. A full node rejects strangers but still accepts a would-be neighbour.
 */

import { Budget } from '../core/budget.ts'
import type { Clock } from '../core/clock.ts'
import type { Address } from './address.ts'
import { BURST_S, MAX_PEERS, NEAR_PER_SIDE, STRANGER_FRAMES_PER_S, WANTED_FRAMES_PER_S } from './constants.ts'
import type { Link } from './link.ts'
import type { NearLinks } from './near-links.ts'
import { nearest } from './neighborhood.ts'
import type { Peer, Peers } from './peers.ts'

export class Admission {
  readonly #self: Address
  readonly #peers: Peers
  readonly #near: NearLinks
  readonly #clock: Clock
  readonly #budgets = new WeakMap<Peer, Budget>()
  /** Frames ignored for exceeding the rate. */
  dropped = 0

  constructor(parts: { self: Address; peers: Peers; near: NearLinks; clock: Clock }) {
    this.#self = parts.self
    this.#peers = parts.peers
    this.#near = parts.near
    this.#clock = parts.clock
  }

  /** Whether a link that came up is kept. */
  admits({ outgoing, peer }: Link): boolean {
    return outgoing || this.#peers.size < MAX_PEERS || this.#peers.has(peer) || this.#wouldBeNear(peer)
  }

  /** Whether this peer's frame is heard; call it once a frame. */
  hears(peer: Peer): boolean {
    const wanted = peer.roles.size > 0 || this.#near.isNear(peer.address)
    const perSecond = wanted ? WANTED_FRAMES_PER_S : STRANGER_FRAMES_PER_S
    const budget = this.#budgets.get(peer) ?? new Budget(this.#clock, perSecond, BURST_S)
    this.#budgets.set(peer, budget)
    if (budget.take(1, perSecond)) return true
    this.dropped++
    return false
  }

  #wouldBeNear(peer: Address): boolean {
    const { left, right } = this.#near
    return (
      nearest(this.#self, 'left', [...left, peer], NEAR_PER_SIDE).includes(peer) ||
      nearest(this.#self, 'right', [...right, peer], NEAR_PER_SIDE).includes(peer)
    )
  }
}
