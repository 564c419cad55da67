/** The ring as one node sees it, for people and their tools. */

import type { Address } from './address.ts'
import type { Link, LinkPath } from './link.ts'
import type { NearLinks } from './near-links.ts'
import type { Peers } from './peers.ts'

export interface RingStatus {
  readonly correctlyConnected: boolean
  readonly left: Address | undefined
  readonly right: Address | undefined
  readonly near: number
  readonly far: number
  readonly onDemand: number
  readonly estimatedSize: number
  readonly malformedFrames: number
  /** Frames dropped because a peer exceeded its rate. */
  readonly excessFrames: number
  readonly links: readonly LinkStatus[]
}

export interface LinkStatus extends LinkPath {
  readonly peer: Address
  readonly roles: readonly string[]
  readonly relayed: boolean
  readonly remote: string
  /** Where the peer says that it is reached. */
  readonly endpoints: readonly string[]
  /** Mean round trip of pings, ms; undefined before the first. */
  readonly rttMs: number | undefined
}

export function ringStatus(
  peers: Peers,
  near: NearLinks,
  rest: Pick<RingStatus, 'correctlyConnected' | 'malformedFrames' | 'excessFrames'>,
): RingStatus {
  const links: LinkStatus[] = []
  for (const { address, roles, link, endpoints, roundTrip } of peers.all()) {
    const all = [...(near.isNear(address) ? ['near'] : []), ...roles]
    const { relayed, remote } = link
    const path = link.path?.(endpoints) ?? unknownPath(link)
    links.push({ peer: address, roles: all, relayed, remote, endpoints, rttMs: roundTrip.smoothedMs, ...path })
  }
  const count = (role: string) => links.filter(({ roles }) => roles.includes(role)).length
  return {
    ...rest,
    left: near.left[0],
    right: near.right[0],
    estimatedSize: near.estimatedSize,
    near: count('near'),
    far: count('far'),
    onDemand: count('on-demand'),
    links,
  }
}

function unknownPath({ relayed }: Link): LinkPath {
  return { kind: relayed ? 'relayed' : 'direct', carrier: 'udp', through: undefined, loss: undefined }
}
