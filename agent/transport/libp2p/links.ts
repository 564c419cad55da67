/**
 * The link layer of the agent: `LinkLayer` over libp2p.
 *
 * A link is one stream; several may share a connection, which stands as long as a link, a relayed connection or a relay
 * slot lives on it. Who is linked to whom, and which of two links to one peer stays, is the ring's business.
 */

import type { Connection, Stream } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { type Clock, SystemClock } from '../../core/clock.ts'
import { doneWithin, withDeadline } from '../../core/deadline.ts'
import { messageOf } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { type Address, formatAddress } from '../../overlay/address.ts'
import type { Contact, Link, LinkLayer } from '../../overlay/link.ts'
import {
  ALIVE_PROTOCOL,
  DIAL_LIMIT,
  LINK_PROTOCOL,
  MAX_LINKS_PER_PEER,
  MAX_WAITING_LINKS,
  REUSE_LIMIT,
  STOP_LIMIT,
} from '../constants.ts'
import {
  addressOfPeer,
  type Endpoint,
  HiddenAddresses,
  orderEndpoints,
  parseEndpoint,
  parseListen,
  readEndpoint,
} from '../endpoints.ts'
import { LinkError } from '../errors.ts'
import type { Identity } from '../identity.ts'
import { Connections } from './connections.ts'
import { Dialer } from './dialer.ts'
import { type LanDiscovery, startLanDiscovery } from './lan-discovery.ts'
import { Libp2pLink, type LinkCounters } from './link.ts'
import { listenOn } from './listening.ts'
import { type Libp2pNode, startLibp2pNode } from './node.ts'
import { RelayGrants } from './relay-grants.ts'
import { RelaySlots } from './relay-slots.ts'

export interface Libp2pLinksOptions {
  readonly identity: Identity
  /** Where to listen, such as `/ip4/0.0.0.0/tcp/4001`; empty for a node that only dials. */
  readonly listen: readonly string[]
  /** Where others reach this node when that is not where it listens (a public address with port forwarding). */
  readonly announce: readonly string[]
  /** Find nodes on the LAN, and be found. */
  readonly mdns: boolean
  readonly log: Log
  readonly clock?: Clock
  /** Network interfaces that others must not be told of: the overlay's own taps. */
  readonly hiddenInterfaces?: readonly string[]
}

export interface Counters extends LinkCounters {
  /** Links that others wanted and did not get. */
  refused: number
  /** Dials that ended without a link. */
  failedDials: number
}

/**
 * A node that listens.
 * @throws InputError when an address in `listen` or `announce` is malformed, or cannot be listened on
 */
export async function createLibp2pLinks(options: Libp2pLinksOptions): Promise<Libp2pLinks> {
  const listen = options.listen.map((text) => parseListen(text, 'listen'))
  const announce = options.announce.map((text) => parseListen(text, 'announce').toString())
  const node = await startLibp2pNode(options.identity.privateKey, options.log)
  const links = new Libp2pLinks(node, { ...options, announce })
  try {
    await links.start(listen)
  } catch (error) {
    await links.stop()
    throw error
  }
  return links
}

export class Libp2pLinks implements LinkLayer {
  readonly self: Address
  readonly peerId: string

  readonly #node: Libp2pNode
  readonly #announce: string[]
  readonly #wantsLan: boolean
  readonly #log: Log
  readonly #clock: Clock
  readonly #hidden: HiddenAddresses
  readonly #dialer: Dialer
  readonly #connections: Connections
  readonly #grants: RelayGrants
  readonly #slots: RelaySlots
  readonly #open = new Map<Libp2pLink, Connection>()
  readonly #counters: Counters = { bulkDropped: 0, oversized: 0, stuck: 0, violations: 0, refused: 0, failedDials: 0 }
  /** Ends every dial when the node stops. */
  readonly #stopping = new AbortController()
  #stopped: Promise<void> | undefined
  #linkHandler: ((link: Link) => void) | undefined
  #discoveredHandler: ((endpoint: string) => void) | undefined
  #waiting: Libp2pLink[] = []
  #lan: Promise<LanDiscovery | undefined> | undefined

  /** Use `createLibp2pLinks`. */
  constructor(node: Libp2pNode, options: Libp2pLinksOptions) {
    this.self = options.identity.address
    this.peerId = options.identity.peerId
    this.#node = node
    this.#announce = [...options.announce]
    this.#wantsLan = options.mdns
    this.#log = options.log
    this.#clock = options.clock ?? new SystemClock()
    this.#hidden = new HiddenAddresses(options.hiddenInterfaces ?? [], () => this.#clock.now())
    const common = { clock: this.#clock, log: this.#log, self: this.peerId }
    this.#grants = new RelayGrants(node.granted)
    this.#slots = new RelaySlots({ ...common, store: node.reserved, candidates: () => this.#relayCandidates() })
    this.#connections = new Connections({
      ...common,
      libp2p: node.libp2p,
      holdsSlot: (connection) =>
        this.#slots.holds(connection) || (isDirect(connection) && this.#grants.reservedBy(connection.remotePeer)),
    })
    this.#dialer = new Dialer({ node, clock: this.#clock, self: this.self, release: this.#connections.release })
  }

  set onLink(handler: (link: Link) => void) {
    this.#linkHandler = handler
    const waiting = this.#waiting
    this.#waiting = []
    for (const link of waiting) handler(link)
  }

  set onDiscovered(handler: (endpoint: string) => void) {
    this.#discoveredHandler = handler
  }

  /** Called once, by `createLibp2pLinks`. @throws InputError when an address cannot be listened on */
  async start(listen: readonly Multiaddr[]): Promise<void> {
    const { libp2p } = this.#node
    const limits = { runOnLimitedConnection: true, maxInboundStreams: MAX_LINKS_PER_PEER }
    await libp2p.handle(LINK_PROTOCOL, (stream, connection) => this.#accept(stream, connection), limits)
    await libp2p.handle(ALIVE_PROTOCOL, (stream) => void stream.close().catch(() => stream.abort(CLOSED)), limits)
    libp2p.addEventListener('peer:disconnect', (event) => this.#grants.forget(event.detail))
    for (const address of listen) await listenOn(this.#node.transports, address, this.#log)
    if (this.#wantsLan) this.#lan = this.#discoverLan()
  }

  endpoints(): string[] {
    const listening = this.#node.transports.getAddrs().filter((address) => !this.#hidden.includes(address))
    return orderEndpoints(this.#announce, listening, this.#slots.endpoints(), this.peerId)
  }

  counters(): Readonly<Counters> {
    return { ...this.#counters }
  }

  /** @throws LinkError */
  async dial(contact: Contact, signal?: AbortSignal): Promise<Link> {
    const endpoints = endpointsOf(contact)
    return await this.#limited(signal, (limit) => this.#linkTo(endpoints, contact.address, limit))
  }

  async dialDirect(contact: Contact, signal?: AbortSignal): Promise<Link> {
    const direct = endpointsOf(contact).filter(({ relayed }) => !relayed)
    return await this.#limited(signal, (limit) => this.#linkTo(direct, contact.address, limit, false))
  }

  /** @throws LinkError, or InputError when `endpoint` is malformed */
  async dialEndpoint(endpoint: string, signal?: AbortSignal): Promise<Link> {
    const parsed = parseEndpoint(endpoint)
    return await this.#limited(signal, (limit) => this.#linkTo([parsed], undefined, limit))
  }

  /** @throws LinkError */
  async dialThrough(relay: Address, contact: Contact, signal?: AbortSignal): Promise<Link> {
    const over = [...this.#open].find(([link]) => link.peer === relay && !link.relayed)?.[1]
    if (over === undefined) throw new LinkError('unreachable', `No direct link to the relay ${formatAddress(relay)}.`)
    const peer = contact.endpoints
      .map((text) => readEndpoint(text)?.peer)
      .find((one) => one !== undefined && addressOfPeer(one) === contact.address)
    if (peer === undefined) {
      throw new LinkError('unreachable', `No endpoint of ${formatAddress(contact.address)} says which key it has.`)
    }
    const endpoint = parseEndpoint(`${over.remoteAddr}/p2p-circuit/p2p/${peer}`)
    return await this.#limited(signal, async (limit) => {
      const connection = await this.#dialer.connect([endpoint], limit)
      return await this.#openLink(connection, limit)
    })
  }

  /** Closes everything; what was sent before is handed over where the peer still answers. Takes `STOP_LIMIT` at most twice. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    this.#stopping.abort(new LinkError('stopped', 'The node is stopping.'))
    this.#slots.stop()
    this.#connections.stop()
    const open = [...this.#open.keys()]
    for (const link of open) link.close()
    await doneWithin(this.#clock, STOP_LIMIT / 2, Promise.all(open.map((link) => link.released)))
    await (await this.#lan)?.stop()
    const stopped = Promise.resolve(this.#node.libp2p.stop())
    if (await doneWithin(this.#clock, STOP_LIMIT, stopped)) return
    for (const connection of this.#node.libp2p.getConnections()) connection.abort(CLOSED)
    await stopped
  }

  async #discoverLan(): Promise<LanDiscovery | undefined> {
    try {
      return await startLanDiscovery({
        endpoints: () => this.endpoints(),
        onFound: (endpoint) => this.#discoveredHandler?.(endpoint),
        logger: this.#node.libp2p.logger,
      })
    } catch (error) {
      this.#log.warn('nodes on the LAN cannot be looked for', { reason: messageOf(error) })
      return undefined
    }
  }

  /** Runs a dial that ends with the caller's signal, when the node stops, or after `DIAL_LIMIT`. */
  async #limited(signal: AbortSignal | undefined, dial: (limit: AbortSignal) => Promise<Link>): Promise<Link> {
    const deadline = {
      clock: this.#clock,
      limitMs: DIAL_LIMIT,
      signals: signal === undefined ? [this.#stopping.signal] : [this.#stopping.signal, signal],
      late: new LinkError('unreachable', `No answer within ${DIAL_LIMIT / 1000} s.`),
    }
    try {
      return await withDeadline(deadline, dial)
    } catch (error) {
      this.#counters.failedDials++
      throw error
    }
  }

  /** @param mayRelay whether a relayed connection that stands may serve when no endpoint answers */
  async #linkTo(
    endpoints: readonly Endpoint[],
    expected: Address | undefined,
    limit: AbortSignal,
    mayRelay = true,
  ): Promise<Link> {
    const standing = this.#standing(endpoints, expected)
    const known = expected ?? (standing && addressOfPeer(standing.remotePeer))
    if (this.#linksTo(known) >= MAX_LINKS_PER_PEER) {
      throw new LinkError('refused', `There are ${MAX_LINKS_PER_PEER} links to this node already.`)
    }
    if (standing !== undefined && isDirect(standing)) {
      const link = await this.#reuse(standing, limit)
      if (link !== undefined) return link
    }
    const connection = await this.#dialer.connect(endpoints, limit, mayRelay ? standing : undefined)
    const address = addressOfPeer(connection.remotePeer)
    if (address === undefined || (expected !== undefined && address !== expected)) {
      this.#connections.release(connection)
      throw new LinkError('wrong-peer', `At ${connection.remoteAddr} lives another node than expected.`)
    }
    return await this.#openLink(connection, limit)
  }

  /** undefined when the connection is dead, as far as one can tell without waiting long: then a new one is needed. */
  async #reuse(connection: Connection, limit: AbortSignal): Promise<Link | undefined> {
    const late = new LinkError('unreachable', 'The connection is silent.')
    const deadline = { clock: this.#clock, limitMs: REUSE_LIMIT, signals: [limit], late }
    try {
      return await withDeadline(deadline, (signal) => this.#openLink(connection, signal))
    } catch (error) {
      if (limit.aborted) throw error
      this.#log.debug('a standing connection is of no use', {
        remote: `${connection.remoteAddr}`,
        reason: messageOf(error),
      })
      return undefined
    }
  }

  /** A connection to the node that stands already; a direct one if there is a choice. */
  #standing(endpoints: readonly Endpoint[], address: Address | undefined): Connection | undefined {
    const linked = [...this.#open].find(([link]) => link.peer === address)?.[1]
    const peer = linked?.remotePeer ?? endpoints.find((endpoint) => endpoint.peer !== undefined)?.peer
    if (peer === undefined) return undefined
    const standing = this.#node.libp2p.getConnections(peer).filter(({ status }) => status === 'open')
    return standing.find(isDirect) ?? standing[0]
  }

  async #openLink(connection: Connection, signal: AbortSignal): Promise<Link> {
    const options = { signal, runOnLimitedConnection: true, maxOutboundStreams: MAX_LINKS_PER_PEER }
    try {
      const stream = await connection.newStream(LINK_PROTOCOL, options)
      const peer = addressOfPeer(connection.remotePeer)
      if (peer === undefined) throw new TypeError('a key of another kind than ours')
      return this.#adopt(stream, connection, peer, true)
    } catch (error) {
      this.#connections.release(connection)
      throw new LinkError('refused', `${connection.remoteAddr} takes no link: ${messageOf(error)}.`, { cause: error })
    }
  }

  #linksTo(peer: Address | undefined): number {
    return [...this.#open.keys()].filter((link) => link.peer === peer).length
  }

  #accept(stream: Stream, connection: Connection): void {
    const peer = addressOfPeer(connection.remotePeer)
    const full = this.#linksTo(peer) >= MAX_LINKS_PER_PEER
    const unheard = this.#linkHandler === undefined && this.#waiting.length >= MAX_WAITING_LINKS
    if (peer === undefined || full || unheard || this.#stopped !== undefined) {
      this.#counters.refused++
      stream.abort(new Error('refused'))
      return
    }
    const link = this.#adopt(stream, connection, peer, false)
    if (this.#linkHandler === undefined) this.#waiting.push(link)
    else this.#linkHandler(link)
  }

  #adopt(stream: Stream, connection: Connection, peer: Address, outgoing: boolean): Libp2pLink {
    const relayed = !isDirect(connection)
    const link = new Libp2pLink({
      peer,
      stream,
      outgoing,
      relayed,
      remote: connection.remoteAddr.toString(),
      clock: this.#clock,
      counters: this.#counters,
    })
    this.#open.set(link, connection)
    void link.released.then(() => this.#released(link, connection))
    if (!relayed) this.#grants.give(connection)
    if (!relayed && connection.direction === 'outbound') this.#slots.linkOpened()
    return link
  }

  #released(link: Libp2pLink, connection: Connection): void {
    this.#open.delete(link)
    const others = [...this.#open.keys()].some((other) => other.peer === link.peer && !other.relayed)
    if (!others) this.#grants.take(connection.remotePeer)
    if (this.#stopped === undefined) this.#connections.release(connection)
  }

  #relayCandidates(): Connection[] {
    const dialled = [...this.#open.values()].filter((one) => one.direction === 'outbound' && isDirect(one))
    return [...new Set(dialled)]
  }
}

const CLOSED = new Error('the node is stopping')

/** Whether no relay carries it. */
function isDirect(connection: Connection): boolean {
  return !connection.remoteAddr.getComponents().some(({ name }) => name === 'p2p-circuit')
}

/** What a contact's endpoints say, without those of other nodes. @throws LinkError when all are of other nodes */
function endpointsOf(contact: Contact): Endpoint[] {
  const known = contact.endpoints.flatMap((text) => readEndpoint(text) ?? [])
  const own = known.filter(({ peer }) => peer === undefined || addressOfPeer(peer) === contact.address)
  if (own.length > 0 || known.length === 0) return own
  throw new LinkError('wrong-peer', `None of the endpoints given for ${formatAddress(contact.address)} is its own.`)
}
