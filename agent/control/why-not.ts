/** Why a link takes no better path, in words for people. */

import type { LinkStatus } from '../overlay/ring-status.ts'
import { readEndpoint } from '../transport/endpoints.ts'
import type { NatMapping } from '../transport/udp/outer-endpoints.ts'

/**
 * undefined: there is no better path.
 * @param mapping of the NATs before this node
 */
export function whyNotBetter({ kind, carrier, endpoints }: LinkStatus, mapping: NatMapping): string | undefined {
  if (kind === 'direct' || kind === 'punched') return undefined
  const named = endpoints.flatMap((text) => readEndpoint(text) ?? [])
  if (carrier === 'tcp') {
    const isDirect = kind === 'tcp'
    if (endpoints.length > 0 && !named.some((one) => one.carrier === 'udp')) return 'the peer has no UDP endpoint'
    if (mapping === 'unknown') return 'no peer sees this node over UDP: UDP seems blocked here'
    return isDirect
      ? 'the peer was not reached over UDP'
      : 'the peer was reached neither over UDP nor directly over TCP'
  }
  const isGuarded = named.some((one) => one.carrier === 'udp' && one.relayed)
  if (!isGuarded) return 'the peer was not reached directly'
  if (mapping === 'random')
    return "this node's NAT randomises its ports, and the peer is behind a NAT that does so or filters by port"
  if (mapping === 'predictable') return "the peer's NAT was not got through: it seems to randomise its ports"
  return 'the peer is behind a NAT that was not got through'
}
