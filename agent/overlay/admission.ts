/**
 * Whom this node takes in, and how much of what a linked node says it listens to.
 *
 * Guarantees: what one linked node can make this one do is bounded by a rate, lower for a stranger than for a node that
 * this one wants a link to; a full node refuses strangers, and still takes in whoever would be a neighbour.
 */

import type { Clock } from '../core/clock.ts'
import type { Address } from './address.ts'
import { BURST_S, MAX_PEERS, NEAR_PER_SIDE, STRANGER_FRAMES_PER_S, WANTED_FRAMES_PER_S } from './constants.ts'
import type { Link } from './link.ts'
import type { NearLinks } from './near-links.ts'
import { nearest } from './neighborhood.ts'
import type { Peer, Peers } from './peers.ts'

/** A token bucket. */
interface Budget {
  frames: number
  at: number
}

export class Admission {
  readonly #self: Address
  readonly #peers: Peers
  readonly #near: NearLinks
  readonly #clock: Clock
  readonly #budgets = new WeakMap<Peer, Budget>()
  /** Frames that were not listened to. */
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

  /** Whether one more frame of this peer is listened to; call it once for each. */
  hears(peer: Peer): boolean {
    const wanted = peer.roles.size > 0 || this.#near.isNear(peer.address)
    const perSecond = wanted ? WANTED_FRAMES_PER_S : STRANGER_FRAMES_PER_S
    const now = this.#clock.now()
    const budget = this.#budgets.get(peer) ?? { frames: perSecond * BURST_S, at: now }
    this.#budgets.set(peer, budget)
    budget.frames = Math.min(perSecond * BURST_S, budget.frames + ((now - budget.at) / 1000) * perSecond)
    budget.at = now
    if (budget.frames < 1) {
      this.dropped++
      return false
    }
    budget.frames--
    return true
  }

  #wouldBeNear(peer: Address): boolean {
    const { left, right } = this.#near
    return (
      nearest(this.#self, 'left', [...left, peer], NEAR_PER_SIDE).includes(peer) ||
      nearest(this.#self, 'right', [...right, peer], NEAR_PER_SIDE).includes(peer)
    )
  }
}
