/** Nodes on the same LAN find each other by multicast DNS. Loaded and started off the path of the first link. */

import type { ComponentLogger, PeerInfo } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'

export interface LanDiscoveryParts {
  readonly endpoints: () => string[]
  readonly onFound: (endpoint: string) => void
  readonly logger: ComponentLogger
}

export interface LanDiscovery {
  stop(): Promise<void>
}

/** Asking also happens at the start; every node answers each question, so asking more often would fill a large LAN. */
const ASK_PERIOD = 60_000
/** Of our own, so that other users of libp2p on the LAN neither see us nor are dialled. */
const SERVICE = '_wow._udp.local'

type MdnsComponents = Parameters<ReturnType<typeof import('@libp2p/mdns')['mdns']>>[0]

export async function startLanDiscovery(parts: LanDiscoveryParts): Promise<LanDiscovery> {
  const { mdns } = await import('@libp2p/mdns')
  const getAddresses = (): Multiaddr[] =>
    parts
      .endpoints()
      .filter((endpoint) => !endpoint.includes('/p2p-circuit'))
      .map((endpoint) => multiaddr(endpoint))
  // The service asks its address manager for nothing else.
  const addressManager = { getAddresses } as MdnsComponents['addressManager']
  const service = mdns({ serviceTag: SERVICE, interval: ASK_PERIOD })({ addressManager, logger: parts.logger })
  service.addEventListener('peer', (event: CustomEvent<PeerInfo>) => {
    for (const address of event.detail.multiaddrs) parts.onFound(`${address}/p2p/${event.detail.id}`)
  })
  await startOf(service).start?.()
  return { stop: async () => await startOf(service).stop?.() }
}

interface Startable {
  start?: () => void | Promise<void>
  stop?: () => void | Promise<void>
}

/** What libp2p would call on a service of its own; its type for discovery leaves it out. */
function startOf(service: object): Startable {
  return service as Startable
}
