/**
 * The agent's link layer: `LinkLayer` over libp2p.
 *
 * A link is one stream. Several links may share a connection, which stays open as long as a link, a relayed connection
 * or a relay slot lives on it. The ring decides which nodes are linked and which of two links to one peer stays;
 * `LinkDialer` dials.
 */

import { setMaxListeners } from 'node:events'
import type { Connection, Stream } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { type Clock, SystemClock } from '../../core/clock.ts'
import { doneWithin } from '../../core/deadline.ts'
import { messageOf } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import type { Address } from '../../overlay/address.ts'
import type { Contact, Link, LinkLayer } from '../../overlay/link.ts'
import { Arrivals } from '../arrivals.ts'
import { ALIVE_PROTOCOL, LINK_PROTOCOL, MAX_LINKS_PER_PEER, OPEN_LIMIT_MS, STOP_LIMIT_MS } from '../constants.ts'
import { DialRules } from '../dial-rules.ts'
import { addressOfPeer, HiddenAddresses, orderEndpoints, parseListen, readEndpoint } from '../endpoints.ts'
import { LinkError } from '../errors.ts'
import type { Identity } from '../identity.ts'
import { type LinkCounters, noLinkCounts } from '../link-counters.ts'
import { TwinProof } from '../twin-proof.ts'
import { Connections, isDirect } from './connections.ts'
import { type LanDiscovery, startLanDiscovery } from './lan-discovery.ts'
import { Libp2pLink } from './link.ts'
import { LinkDialer } from './link-dialer.ts'
import { listenOn } from './listening.ts'
import { type Libp2pNode, startLibp2pNode } from './node.ts'
import { RelayGrants } from './relay-grants.ts'
import { RelaySlots } from './relay-slots.ts'

export interface Libp2pLinksOptions {
  readonly identity: Identity
  /** Where to listen, such as `/ip4/0.0.0.0/tcp/4001`; empty for a node that only dials. */
  readonly listen: readonly string[]
  /** Where others reach this node besides the addresses it listens on (a public address with port forwarding). */
  readonly announce: readonly string[]
  /** Whether to find nodes on the LAN, and to be found. */
  readonly mdns: boolean
  /** The key of a ring of its own; undefined: a shared ring, which anybody may join. */
  readonly ringKey?: Uint8Array | undefined
  readonly log: Log
  readonly clock?: Clock
  /** Network interfaces whose addresses others must not learn: the overlay's own taps. */
  readonly hiddenInterfaces?: readonly string[]
}

/**
 * Starts a node and listens.
 * @throws InputError when an address in `listen` or `announce` is malformed, or cannot be listened on
 */
export async function createLibp2pLinks(options: Libp2pLinksOptions): Promise<Libp2pLinks> {
  const listen = options.listen.map((text) => parseListen(text, 'listen'))
  const announce = options.announce.map((text) => parseListen(text, 'announce').toString())
  const { identity, ringKey, log, clock = new SystemClock() } = options
  const node = await startLibp2pNode({ privateKey: identity.privateKey, ringKey, clock, log })
  const links = new Libp2pLinks(node, { ...options, clock, announce })
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
  readonly rules: DialRules

  readonly #twin: TwinProof
  readonly #node: Libp2pNode
  readonly #announce: string[]
  readonly #wantsLan: boolean
  readonly #ringKey: Uint8Array | undefined
  readonly #log: Log
  readonly #clock: Clock
  readonly #hidden: HiddenAddresses
  readonly #dialer: LinkDialer
  readonly #connections: Connections
  readonly #grants: RelayGrants
  readonly #slots: RelaySlots
  readonly #listening: Multiaddr[] = []
  #mapped: readonly Multiaddr[] = []
  readonly #open = new Map<Libp2pLink, Connection>()
  readonly #counters = noLinkCounts()
  readonly #arrivals = new Arrivals(this.#counters)
  /** Ends every dial when the node stops. */
  readonly #stopping = new AbortController()
  #stopped: Promise<void> | undefined
  #discoveredHandler: ((endpoint: string) => void) | undefined
  #endpointsHandler: () => void = () => {}
  #lan: Promise<LanDiscovery | undefined> | undefined

  /** Use `createLibp2pLinks`. */
  constructor(node: Libp2pNode, options: Libp2pLinksOptions & { readonly clock: Clock }) {
    this.self = options.identity.address
    // One for each dial under way.
    setMaxListeners(0, this.#stopping.signal)
    this.peerId = options.identity.peerId
    this.#twin = new TwinProof(options.identity)
    this.#node = node
    this.#announce = [...options.announce]
    this.#wantsLan = options.mdns
    this.#ringKey = options.ringKey
    this.#log = options.log
    this.#clock = options.clock
    this.#hidden = new HiddenAddresses(options.hiddenInterfaces ?? [], () => this.#clock.now())
    this.rules = new DialRules({
      hidden: this.#hidden,
      listening: () => node.transports.getAddrs().map(String),
      clock: this.#clock,
    })
    const common = { clock: this.#clock, log: this.#log, self: this.peerId }
    this.#grants = new RelayGrants(node.granted)
    this.#slots = new RelaySlots({
      ...common,
      store: node.reserved,
      candidates: () => this.#relayCandidates(),
      changed: () => this.#endpointsHandler(),
    })
    this.#connections = new Connections({
      ...common,
      libp2p: node.libp2p,
      holdsSlot: (connection) =>
        this.#slots.holds(connection) || (isDirect(connection) && this.#grants.reservedBy(connection.remotePeer)),
    })
    this.#dialer = new LinkDialer({
      node,
      clock: this.#clock,
      log: this.#log,
      self: this.self,
      open: this.#open,
      stopping: this.#stopping.signal,
      rules: this.rules,
      counters: this.#counters,
      release: this.#connections.release,
      adopt: (stream, connection, peer) => this.#adopt(stream, connection, peer, true),
    })
  }

  set onLink(handler: (link: Link) => void) {
    this.#arrivals.onLink = handler
  }

  set onEndpoints(handler: () => void) {
    this.#endpointsHandler = handler
  }

  /** TCP opens no NAT for another node's dial. */
  isGuarded(): boolean {
    return false
  }

  /** Relayed links run over connections, which stay without links. */
  needs(): boolean {
    return false
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
    for (const address of listen) {
      const bound = await listenOn(this.#node.transports, address, this.#log)
      if (bound !== undefined) this.#listening.push(bound)
    }
    if (this.#wantsLan) this.#lan = this.#discoverLan()
  }

  /** The addresses to listen on as they were given, with the ports that they got in the place of 0. */
  get listening(): readonly Multiaddr[] {
    return this.#listening
  }

  /** Where a router lets others in to this node; undefined: nowhere. */
  set mapped(address: Multiaddr | undefined) {
    this.#mapped = address === undefined ? [] : [address]
    this.#endpointsHandler()
  }

  endpoints(): string[] {
    const listening = this.#hidden.without(this.#node.transports.getAddrs())
    return orderEndpoints(this.#announce, [...this.#mapped, ...listening], this.#slots.endpoints(), this.peerId)
  }

  counters(): Readonly<LinkCounters> {
    return { ...this.#counters }
  }

  prove(nonce: Uint8Array): Uint8Array {
    return this.#twin.prove(nonce)
  }

  isOwnProof(nonce: Uint8Array, proof: Uint8Array): boolean {
    return this.#twin.isOwn(nonce, proof)
  }

  /** @throws LinkError */
  dial(contact: Contact, signal?: AbortSignal): Promise<Link> {
    return this.#dialer.dial(contact, signal)
  }

  isImprovable({ relayed }: Link): boolean {
    return relayed
  }

  /** @throws LinkError */
  dialBetter(contact: Contact, _standing: Link, signal?: AbortSignal): Promise<Link> {
    return this.#dialer.dialDirect(contact, signal)
  }

  /** @throws LinkError, or InputError when `endpoint` is malformed */
  dialEndpoint(endpoint: string, signal?: AbortSignal): Promise<Link> {
    return this.#dialer.dialEndpoint(endpoint, signal)
  }

  /** @throws LinkError */
  dialThrough(relay: Address, contact: Contact, signal?: AbortSignal): Promise<Link> {
    return this.#dialer.dialThrough(relay, contact, signal)
  }

  /** Closes everything; frames sent before reach peers that still answer. Takes about 1.5 `STOP_LIMIT_MS` at most. */
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
    await doneWithin(this.#clock, STOP_LIMIT_MS / 2, Promise.all(open.map((link) => link.released)))
    await (await this.#lan)?.stop()
    const stopped = Promise.resolve(this.#node.libp2p.stop())
    if (await doneWithin(this.#clock, STOP_LIMIT_MS, stopped)) return
    for (const connection of this.#node.libp2p.getConnections()) connection.abort(CLOSED)
    await stopped
  }

  async #discoverLan(): Promise<LanDiscovery | undefined> {
    try {
      return await startLanDiscovery({
        endpoints: () => this.endpoints(),
        onFound: (endpoint) => void this.#onDiscovered(endpoint),
        logger: this.#node.libp2p.logger,
        ringKey: this.#ringKey,
      })
    } catch (error) {
      this.#log.warn('nodes on the LAN cannot be looked for', { reason: messageOf(error) })
      return undefined
    }
  }

  /** Anybody on the LAN can say that there is a node somewhere. */
  async #onDiscovered(text: string): Promise<void> {
    const endpoint = readEndpoint(text)
    const [found] = endpoint === undefined ? [] : await this.rules.select([endpoint])
    if (found !== undefined) this.#discoveredHandler?.(found.text)
  }

  #accept(stream: Stream, connection: Connection): void {
    const peer = addressOfPeer(connection.remotePeer)
    const full = this.#dialer.linksTo(peer) >= MAX_LINKS_PER_PEER
    // The overlay must not carry itself.
    const isLooped = this.rules.isInOverlay(connection.remoteAddr.getComponents()[0]?.value ?? '')
    if (peer === undefined || full || isLooped || this.#stopped !== undefined) {
      this.#counters.refused++
      stream.abort(new Error('refused'))
      return
    }
    const link = this.#adopt(stream, connection, peer, false)
    const timer = this.#clock.after(OPEN_LIMIT_MS, () => link.close())
    void link.opened.then((isOpen) => {
      timer.cancel()
      if (isOpen) this.#arrivals.announce(link)
    })
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
