/**
 * Keeps only useful links: closes those that neither end wants and that carry no other link, gives up idle on-demand links, and tries to replace
 * relayed links with direct ones.
 */

import type { Clock } from '../core/clock.ts'
import { LINK_GRACE_MS, ON_DEMAND_IDLE_MS } from './constants.ts'
import type { LinkLayer } from './link.ts'
import type { NearLinks } from './near-links.ts'
import type { Peer, Peers } from './peers.ts'
import type { Upgrades } from './upgrades.ts'
import { wants } from './wants.ts'

export class LinkUpkeep {
  readonly #links: Pick<LinkLayer, 'needs'>
  readonly #clock: Clock
  readonly #peers: Peers
  readonly #near: NearLinks
  readonly #upgrades: Upgrades

  constructor(parts: {
    links: Pick<LinkLayer, 'needs'>
    clock: Clock
    peers: Peers
    near: NearLinks
    upgrades: Upgrades
  }) {
    this.#links = parts.links
    this.#clock = parts.clock
    this.#peers = parts.peers
    this.#near = parts.near
    this.#upgrades = parts.upgrades
  }

  /** Checks all links; called every few seconds. */
  tidy(): void {
    const now = this.#clock.now()
    for (const peer of [...this.#peers.all()]) {
      if (now - peer.usedAt > ON_DEMAND_IDLE_MS) peer.roles.delete('on-demand')
      if (this.#isWanted(peer)) peer.unwantedSince = undefined
      else if (peer.unwantedSince === undefined) peer.unwantedSince = now
      else if (now - peer.unwantedSince > LINK_GRACE_MS) peer.link.close()
    }
    this.#upgrades.review((peer) => this.#isWanted(peer))
  }

  #isWanted(peer: Peer): boolean {
    return wants(peer, { near: this.#near, links: this.#links }) || peer.status?.wanted === true
  }
}
