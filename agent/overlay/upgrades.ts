/**
 * Replaces relayed links with direct ones: two nodes that could not reach each other when they met may do so now, or
 * one was only slow. Tried ever more rarely; the relayed link stays in use until a direct one is up.
 */

import { Backoff } from '../core/backoff.ts'
import type { Clock } from '../core/clock.ts'
import { timeLimit } from '../core/deadline.ts'
import { DIAL_TIMEOUT_MS, UPGRADE_MAX_MS, UPGRADE_MIN_MS } from './constants.ts'
import type { Link, LinkLayer } from './link.ts'
import type { Peer, Peers } from './peers.ts'

interface Plan {
  readonly backoff: Backoff
  nextAt: number
}

export class Upgrades {
  readonly #links: LinkLayer
  readonly #peers: Peers
  readonly #clock: Clock
  readonly #adopt: (link: Link) => void
  readonly #plans = new WeakMap<Peer, Plan>()

  constructor(parts: { links: LinkLayer; peers: Peers; clock: Clock; adopt: (link: Link) => void }) {
    this.#links = parts.links
    this.#peers = parts.peers
    this.#clock = parts.clock
    this.#adopt = parts.adopt
  }

  /** Checks all links; called every few seconds. */
  review(isWanted: (peer: Peer) => boolean): void {
    const now = this.#clock.now()
    for (const peer of this.#peers.all()) {
      if (!peer.link.relayed || peer.endpoints.length === 0 || !isWanted(peer)) continue
      const plan = this.#plans.get(peer) ?? newPlan(now)
      this.#plans.set(peer, plan)
      if (now < plan.nextAt) continue
      plan.nextAt = now + plan.backoff.next()
      void this.#try(peer)
    }
  }

  async #try({ address, endpoints }: Peer): Promise<void> {
    const limit = timeLimit(this.#clock, DIAL_TIMEOUT_MS)
    try {
      this.#adopt(await this.#links.dialDirect({ address, endpoints }, limit.signal))
    } catch {
      // Still out of reach: the relayed link stays in use.
    } finally {
      limit.cancel()
    }
  }
}

function newPlan(now: number): Plan {
  const backoff = new Backoff({ minMs: UPGRADE_MIN_MS, maxMs: UPGRADE_MAX_MS })
  return { backoff, nextAt: now + backoff.next() }
}
