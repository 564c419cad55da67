/**
 * Endpoints: where a node listens, as multiaddr text outside the transport and as checked values inside.
 *
 * There are two forms. `/ip4/192.0.2.1/tcp/4001/p2p/<peer>` is dialled directly. With `/p2p-circuit/p2p/<peer>` after
 * it, the first peer relays to the second. A user may omit the peer of a direct endpoint.
 */

import { networkInterfaces } from 'node:os'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { InputError } from '../core/errors.ts'
import { type Address, addressOfPublicKey } from '../overlay/address.ts'
import { INTERFACES_FOR_MS, MAX_DIRECT_ENDPOINTS, MAX_ENDPOINTS } from './constants.ts'

export interface Endpoint {
  readonly text: string
  readonly multiaddr: Multiaddr
  readonly relayed: boolean
  /** The node that the endpoint leads to; undefined when the endpoint does not say. */
  readonly peer?: PeerId
}

const HOSTS = ['ip4', 'ip6', 'dns', 'dns4', 'dns6']

/** undefined when `text` has neither form. */
export function readEndpoint(text: string): Endpoint | undefined {
  try {
    const address = multiaddr(text)
    const parts = address.getComponents()
    const form = parts.map((part) => (HOSTS.includes(part.name) ? 'host' : part.name)).join('/')
    const relayed = form === 'host/tcp/p2p/p2p-circuit/p2p'
    if (!relayed && form !== 'host/tcp' && form !== 'host/tcp/p2p') return undefined
    const last = parts.at(-1)
    if (last?.name !== 'p2p' || last.value === undefined) return { text, multiaddr: address, relayed }
    return { text, multiaddr: address, relayed, peer: peerIdFromString(last.value) }
  } catch {
    // The multiaddr and peer id parsers throw different errors for each mistake; all mean the same here.
    return undefined
  }
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
export function parseListen(text: string, field = 'listen'): Multiaddr {
  const endpoint = readEndpoint(text)
  if (endpoint !== undefined && !endpoint.relayed && endpoint.peer === undefined) return endpoint.multiaddr
  throw new InputError(
    'BAD_LISTEN_ADDRESS',
    `${field}: "${text}" is not an address to listen on.`,
    'Give a multiaddr such as /ip4/0.0.0.0/tcp/4001 (port 0 for any free one).',
  )
}

/** The ring address of the key in a peer id; undefined for kinds of keys that our nodes do not use. */
export function addressOfPeer(peer: PeerId): Address | undefined {
  return peer.type === 'Ed25519' ? addressOfPublicKey(peer.publicKey.raw) : undefined
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
 * The endpoints that others should try, best first: announced ones, public addresses, private addresses, relayed ones,
 * and last the loopback, which works only on the same machine but costs others no more than a refused connection.
 */
export function orderEndpoints(announced: string[], listening: Multiaddr[], relayed: string[], self: string): string[] {
  const own = (...reaches: Reach[]) =>
    reaches.flatMap((reach) => listening.filter((address) => reachOf(address) === reach).map(String))
  const direct = [...announced, ...own('public', 'private')].map((text) => `${text}/p2p/${self}`)
  const loopback = own('loopback').map((text) => `${text}/p2p/${self}`)
  // A node with only the loopback lives in a world of one machine.
  if (direct.length === 0) direct.push(...loopback)
  const room = relayed.length > 0 ? MAX_DIRECT_ENDPOINTS : MAX_ENDPOINTS
  return [...new Set([...direct.slice(0, room), ...relayed, ...loopback])].slice(0, MAX_ENDPOINTS)
}

/** The addresses of hidden interfaces: the overlay's own taps, which must never carry the overlay. */
export class HiddenAddresses {
  readonly #hidden: ReadonlySet<string>
  readonly #now: () => number
  #known: ReadonlySet<string> = new Set()
  #readAt = Number.NEGATIVE_INFINITY

  constructor(interfaceNames: readonly string[], now: () => number) {
    this.#hidden = new Set(interfaceNames)
    this.#now = now
  }

  includes(address: Multiaddr): boolean {
    if (this.#hidden.size === 0) return false
    if (this.#now() - this.#readAt > INTERFACES_FOR_MS) this.#read()
    return this.#known.has(address.getComponents()[0]?.value ?? '')
  }

  #read(): void {
    const hidden = Object.entries(networkInterfaces()).filter(([name]) => this.#hidden.has(name))
    this.#known = new Set(hidden.flatMap(([, addresses]) => addresses?.map((one) => one.address) ?? []))
    this.#readAt = this.#now()
  }
}
