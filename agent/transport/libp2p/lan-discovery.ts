/** Finds nodes on the same LAN by multicast DNS. Its library is loaded here, so it does not delay the first link. */

import './polyfill.ts'
import type { PeerInfo } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { Log } from '../../core/log.ts'
import { quietLogger } from './quiet-logger.ts'
import { ringTag } from './ring-gate.ts'

export interface LanDiscoveryParts {
  readonly endpoints: () => string[]
  readonly onFound: (endpoint: string) => void
  readonly log: Log
  /** undefined: a shared ring. */
  readonly ringKey: Uint8Array | undefined
}

export interface LanDiscovery {
  stop(): Promise<void>
}

/** Pause between questions, ms; the first comes at the start. Every node answers each one: more would flood a LAN. */
const ASK_PERIOD = 60_000
/** A name of our own, so that other libp2p nodes on the LAN, and other rings, neither see us nor are dialled. */
function serviceOf(ringKey: Uint8Array | undefined): string {
  return `_wow${ringKey === undefined ? '' : `-${ringTag(ringKey)}`}._udp.local`
}

type MdnsComponents = Parameters<ReturnType<typeof import('@libp2p/mdns')['mdns']>>[0]

export async function startLanDiscovery(parts: LanDiscoveryParts): Promise<LanDiscovery> {
  const { mdns } = await import('@libp2p/mdns')
  const getAddresses = (): Multiaddr[] =>
    parts
      .endpoints()
      .filter((endpoint) => !endpoint.includes('/p2p-circuit'))
      .map((endpoint) => multiaddr(endpoint))
  // The service uses nothing else of its address manager.
  const addressManager = { getAddresses } as MdnsComponents['addressManager']
  const service = mdns({ serviceTag: serviceOf(parts.ringKey), interval: ASK_PERIOD })({
    addressManager,
    logger: quietLogger(parts.log),
  })
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

/** The methods that libp2p calls on its own services; the type of a discovery service omits them. */
function startOf(service: object): Startable {
  return service as Startable
}
