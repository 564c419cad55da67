/**
 * The nodes that carry sessions to this node, which others cannot dial: up to `RELAY_SLOTS` of the nodes that it dialled
 * and that say that they carry. A node stays chosen as long as its link stands.
 */

import { RELAY_SLOTS } from '../constants.ts'
import { reachOf, udpMultiaddr } from '../endpoints.ts'
import type { UdpLink } from './link.ts'

export class UdpRelaySlots {
  #chosen: readonly UdpLink[] = []

  /** Chooses among the links that stand. */
  review(links: Iterable<UdpLink>, isNeeded: boolean): void {
    const fit = isNeeded
      ? [...links].filter((link) => link.outgoing && !link.relayed && link.isOpen && link.carries)
      : []
    const kept = this.#chosen.filter((link) => fit.includes(link))
    const others = fit.filter((link) => !kept.includes(link))
    // Nodes outside can dial a relay with a public address.
    const isPublic = (link: UdpLink) => reachOf(udpMultiaddr(link.session.remote)) === 'public'
    others.sort((a, b) => Number(isPublic(b)) - Number(isPublic(a)))
    this.#chosen = [...kept, ...others].slice(0, RELAY_SLOTS)
  }

  has(link: UdpLink): boolean {
    return this.#chosen.includes(link)
  }

  /** This node's endpoints through the chosen nodes. `self`: its peer id. */
  endpoints(self: string): string[] {
    return this.#chosen.map(({ session }) => `${udpMultiaddr(session.remote)}/p2p-circuit/p2p/${self}`)
  }
}
