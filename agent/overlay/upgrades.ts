/**
 * Replaces links with better ones: relayed ones with direct ones, and those over TCP with ones over UDP. Two nodes that could
 * not reach each other so when they met may do once both dial at the same moment, or one was only slow. Tried ever more rarely,
 * for a relayed link at once; the link stays in use until a better one is up.
 */

import { Backoff } from '../core/backoff.ts'
import type { Clock } from '../core/clock.ts'
import { setLatest } from '../core/latest.ts'
import type { Address } from './address.ts'
import type { Connector } from './connector.ts'
import { MAX_RECARRIES, RECARRY_MAX_MS, RECARRY_MIN_MS, UPGRADE_MAX_MS, UPGRADE_MIN_MS } from './constants.ts'
import type { Link, LinkLayer } from './link.ts'
import type { Peer, Peers } from './peers.ts'

interface Plan {
  readonly backoff: Backoff
  nextAt: number
}

export class Upgrades {
  readonly #links: Pick<LinkLayer, 'isImprovable'>
  readonly #peers: Peers
  readonly #clock: Clock
  readonly #connector: Pick<Connector, 'punch'>
  readonly #plans = new WeakMap<Link, Plan>()
  /** Of links over TCP, by peer: where UDP gets through at first and no more soon after, links over TCP come and go. */
  readonly #recarries = new Map<Address, { readonly backoff: Backoff; readonly plannedAt: number }>()

  constructor(parts: {
    links: Pick<LinkLayer, 'isImprovable'>
    peers: Peers
    clock: Clock
    connector: Pick<Connector, 'punch'>
  }) {
    this.#links = parts.links
    this.#peers = parts.peers
    this.#clock = parts.clock
    this.#connector = parts.connector
  }

  /** A peer has said who it is and where it listens. */
  onMet(peer: Peer): void {
    if (peer.link.relayed) this.#try(peer)
  }

  /** Checks all links; called every few seconds. */
  review(isWanted: (peer: Peer) => boolean): void {
    for (const peer of this.#peers.all()) {
      if (this.#links.isImprovable(peer.link, peer.endpoints) && isWanted(peer)) this.#try(peer)
    }
  }

  #try(peer: Peer): void {
    const { address, endpoints, link } = peer
    if (endpoints.length === 0) return
    const now = this.#clock.now()
    const plan = this.#plans.get(link) ?? this.#newPlan(link, now)
    this.#plans.set(link, plan)
    if (now < plan.nextAt) return
    plan.nextAt = now + plan.backoff.next()
    void this.#connector.punch({ address, endpoints }, link)
  }

  /** A direct link over TCP works well, and where UDP is blocked, it mostly stays so. */
  #newPlan({ relayed, peer }: Link, now: number): Plan {
    if (relayed) return { backoff: new Backoff({ minMs: UPGRADE_MIN_MS, maxMs: UPGRADE_MAX_MS }), nextAt: now }
    const former = this.#recarries.get(peer)
    const isRecent = former !== undefined && now - former.plannedAt < 2 * former.backoff.pauseMs
    const backoff = isRecent ? former.backoff : new Backoff({ minMs: RECARRY_MIN_MS, maxMs: RECARRY_MAX_MS })
    setLatest(this.#recarries, peer, { backoff, plannedAt: now }, MAX_RECARRIES)
    return { backoff, nextAt: now + backoff.next() }
  }
}
