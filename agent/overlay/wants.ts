/** Whether this node has a use for its link to a peer; it tells the peer, and keeps the link. */

import type { LinkLayer } from './link.ts'
import type { NearLinks } from './near-links.ts'
import type { Peer } from './peers.ts'

export function wants(
  { address, roles }: Peer,
  { near, links }: { near: Pick<NearLinks, 'isNear'>; links: Pick<LinkLayer, 'needs'> },
): boolean {
  return roles.size > 0 || near.isNear(address) || links.needs(address)
}
