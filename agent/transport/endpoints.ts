/**
 * Endpoints: where a node listens, as multiaddr text outside the transport and as checked values inside.
 *
 * `/ip4/192.0.2.1/tcp/4001/p2p/<peer>` is dialled directly over libp2p. With `/p2p-circuit/p2p/<peer>` after it, the first
 * peer relays to the second. `/ip4/192.0.2.1/udp/4001/p2p/<peer>` is where the node has its UDP socket, and
 * `/ip4/192.0.2.1/udp/4001/p2p-circuit/p2p/<peer>` where the socket of a node is that carries sessions to it. A user may omit
 * the peer of a direct endpoint.
 */

import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { InputError } from '../core/errors.ts'
import { type Address, addressOfPublicKey, formatAddress } from '../overlay/address.ts'
import type { Carrier, Contact } from '../overlay/link.ts'
import type { UdpEndpoint } from '../underlay/datagrams.ts'
import { ipOf, portOf, udpEndpoint } from '../underlay/udp-endpoint.ts'
import { MAX_DIRECT_ENDPOINTS, MAX_ENDPOINTS } from './constants.ts'
import { LinkError } from './errors.ts'

export interface Endpoint {
  readonly text: string
  readonly multiaddr: Multiaddr
  /** What carries the link. */
  readonly carrier: Carrier
  readonly relayed: boolean
  /** The node that the endpoint leads to; undefined when the endpoint does not say. */
  readonly peer?: PeerId
}

const HOSTS = ['ip4', 'ip6', 'dns', 'dns4', 'dns6']

/** What each form of a multiaddr means. */
const FORMS: Readonly<Record<string, { carrier: Carrier; relayed: boolean } | undefined>> = {
  'host/tcp': { carrier: 'tcp', relayed: false },
  'host/tcp/p2p': { carrier: 'tcp', relayed: false },
  'host/tcp/p2p/p2p-circuit/p2p': { carrier: 'tcp', relayed: true },
  'host/udp': { carrier: 'udp', relayed: false },
  'host/udp/p2p': { carrier: 'udp', relayed: false },
  'host/udp/p2p-circuit/p2p': { carrier: 'udp', relayed: true },
}

/** undefined when `text` has none of the forms. */
export function readEndpoint(text: string): Endpoint | undefined {
  try {
    const address = multiaddr(text)
    const parts = address.getComponents()
    const form = FORMS[parts.map((part) => (HOSTS.includes(part.name) ? 'host' : part.name)).join('/')]
    if (form === undefined) return undefined
    const endpoint = { text, multiaddr: address, ...form }
    const last = parts.at(-1)
    if (last?.name !== 'p2p' || last.value === undefined) return endpoint
    return { ...endpoint, peer: peerIdFromString(last.value) }
  } catch {
    // The multiaddr and peer id parsers throw different errors for each mistake; all mean the same here.
    return undefined
  }
}

export function isEndpoint(text: string): boolean {
  return readEndpoint(text) !== undefined
}

/**
 * The same host, port and peer over `carrier`: a node has its UDP socket where it listens over TCP. undefined for a relayed
 * endpoint of the other carrier, which names its relay in another way.
 */
export function over(carrier: Carrier, endpoint: Endpoint): Endpoint | undefined {
  if (endpoint.carrier === carrier) return endpoint
  if (endpoint.relayed) return undefined
  const [, host, name, , ...rest] = endpoint.text.split('/')
  return readEndpoint(['', host, name, carrier, ...rest].join('/'))
}

/** Where a UDP endpoint's socket is, its relay's if it is relayed; undefined for a name, for port 0, and for TCP. */
export function udpEndpointOf({ multiaddr: address }: Pick<Endpoint, 'multiaddr'>): UdpEndpoint | undefined {
  const [host, port] = address.getComponents()
  return port?.name === 'udp' ? udpEndpoint(host?.value ?? '', Number(port.value)) : undefined
}

/** The multiaddr of a UDP socket. */
export function udpMultiaddr(endpoint: UdpEndpoint): Multiaddr {
  const ip = ipOf(endpoint)
  return multiaddr(`/${ip.includes(':') ? 'ip6' : 'ip4'}/${ip}/udp/${portOf(endpoint)}`)
}

/** An endpoint that a user gave. @throws InputError that names `field` */
export function parseEndpoint(text: string, field = 'endpoint'): Endpoint {
  const endpoint = readEndpoint(text)
  if (endpoint !== undefined) return endpoint
  throw new InputError(
    'BAD_ENDPOINT',
    `${field}: "${text}" is not the address of a node.`,
    'Give a multiaddr such as /ip4/192.0.2.1/tcp/4001/p2p/12D3Koo…, as `wow status` of that node shows it.',
  )
}

/** An address to listen on or to announce: host and port, no peer. @throws InputError that names `field` */
export function parseListen(text: string, field = 'listen', carrier: Carrier = 'tcp'): Multiaddr {
  const endpoint = readEndpoint(text)
  if (endpoint?.carrier === carrier && !endpoint.relayed && endpoint.peer === undefined) return endpoint.multiaddr
  throw new InputError(
    'BAD_LISTEN_ADDRESS',
    `${field}: "${text}" is not an address to listen on.`,
    `Give a multiaddr such as /ip4/0.0.0.0/${carrier}/4001 (port 0 for any free one).`,
  )
}

/**
 * The endpoints of a contact on one carrier, without those of other nodes.
 * @throws LinkError when all belong to other nodes
 */
export function endpointsOn(carrier: Carrier, contact: Contact): Endpoint[] {
  const known = contact.endpoints.flatMap((text) => readEndpoint(text) ?? []).filter((one) => one.carrier === carrier)
  const own = known.filter(({ peer }) => peer === undefined || addressOfPeer(peer) === contact.address)
  if (own.length > 0 || known.length === 0) return own
  throw new LinkError('wrong-peer', `None of the endpoints given for ${formatAddress(contact.address)} is its own.`)
}

/** The ring address of the key in a peer id; undefined for kinds of keys that our nodes do not use. */
export function addressOfPeer(peer: PeerId): Address | undefined {
  return peer.type === 'Ed25519' ? addressOfPublicKey(peer.publicKey.raw) : undefined
}

/** The node that a relayed endpoint over TCP leads through; undefined when it does not say. */
export function relayIn(text: string): Address | undefined {
  const id = /\/p2p\/([^/]+)\/p2p-circuit/.exec(text)?.[1]
  return id === undefined ? undefined : addressOfPeer(peerIdFromString(id))
}

type Reach = 'public' | 'private' | 'loopback'

/** From how far away a multiaddr's host can be reached; names count as public. */
export function reachOf(address: Multiaddr): Reach {
  const host = address.getComponents()[0]
  const ip = host?.value ?? ''
  if (host?.name === 'ip4') {
    if (/^127\./.test(ip)) return 'loopback'
    return /^(10|192\.168|169\.254|172\.(1[6-9]|2\d|3[01])|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7]))\./.test(ip)
      ? 'private'
      : 'public'
  }
  if (host?.name === 'ip6') {
    if (ip === '::1') return 'loopback'
    return /^f[cde]/i.test(ip) ? 'private' : 'public'
  }
  return 'public'
}

/**
 * The endpoints that others should try, best first: announced ones, public addresses, private addresses, relayed ones. The
 * loopback is among them only for a node that has nothing else: it lives in a world of one machine.
 */
export function orderEndpoints(announced: string[], listening: Multiaddr[], relayed: string[], self: string): string[] {
  const own = (...reaches: Reach[]) =>
    reaches.flatMap((reach) => listening.filter((address) => reachOf(address) === reach).map(String))
  const direct = [...announced, ...own('public', 'private')].map((text) => `${text}/p2p/${self}`)
  if (direct.length === 0) direct.push(...own('loopback').map((text) => `${text}/p2p/${self}`))
  const room = relayed.length > 0 ? MAX_DIRECT_ENDPOINTS : MAX_ENDPOINTS
  return [...new Set([...direct.slice(0, room), ...relayed])].slice(0, MAX_ENDPOINTS)
}
