/** By what kind of path a link over UDP reaches its peer. */

import type { Address } from '../../overlay/address.ts'
import type { LinkPath } from '../../overlay/link.ts'
import type { UdpEndpoint } from '../../underlay/datagrams.ts'
import { over, readEndpoint, udpEndpointOf } from '../endpoints.ts'

export interface UdpLinkFacts {
  /** Where the session has its peer. */
  readonly remote: UdpEndpoint
  /** The node that carries the session's datagrams. */
  readonly relay: Address | undefined
  /** The peer says that others can dial it. */
  readonly carries: boolean
  /** See `LinkPath.loss`. */
  readonly loss: number
}

/**
 * @param endpoints what the peer says of where it is reached. Over TCP a node names only where it listens, or what its user announces;
 * its UDP socket has the same port there. Over UDP it names the outer endpoints of its NATs, too, and relays when it is behind one.
 */
export function udpPath({ remote, relay, carries, loss }: UdpLinkFacts, endpoints: readonly string[]): LinkPath {
  if (relay !== undefined) return { kind: 'relayed', carrier: 'udp', through: relay, loss }
  const named = endpoints.flatMap((text) => readEndpoint(text) ?? [])
  const listening = named.flatMap((one) => {
    const same = one.carrier === 'tcp' ? over('udp', one) : undefined
    return (same && udpEndpointOf(same)) ?? []
  })
  const isBehindNat = listening.length > 0 || named.some(({ carrier, relayed }) => carrier === 'udp' && relayed)
  const isPunched = !carries && !listening.includes(remote) && isBehindNat
  return { kind: isPunched ? 'punched' : 'direct', carrier: 'udp', through: undefined, loss }
}
