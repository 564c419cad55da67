/**
 * A link layer over UDP: each link is a node session with its reliable stream. A node carries sessions between any two
 * nodes that it is linked to; such a session ends with the link to the node that carries it.
 *
 * Two nodes have one session, so one link: a dial to a node that is linked already brings the link that stands. Beside it
 * there may be one through a third node, and for a moment one with a copy of the peer.
 */

import { setMaxListeners } from 'node:events'
import { Counters } from '../../core/counters.ts'
import { doneWithin, unlessAborted } from '../../core/deadline.ts'
import { type Address, formatAddress } from '../../overlay/address.ts'
import type { Contact, Link, LinkLayer } from '../../overlay/link.ts'
import type { UdpEndpoint } from '../../underlay/datagrams.ts'
import { isBehindRelay, RelaySocket } from '../../underlay/relay-socket.ts'
import { type Session, Sessions } from '../../underlay/sessions.ts'
import { SideSockets } from '../../underlay/side-sockets.ts'
import { ASSUMED, asHeardBy, speakAfterMs } from '../../underlay/silence.ts'
import { ipOf } from '../../underlay/udp-endpoint.ts'
import { Arrivals } from '../arrivals.ts'
import { MAX_PENDING, STOP_LIMIT_MS } from '../constants.ts'
import { limitedDial } from '../dial-limit.ts'
import { resolved } from '../dial-rules.ts'
import { addressOfPeer, type Endpoint, endpointsOn, parseEndpoint, readEndpoint } from '../endpoints.ts'
import { LinkError } from '../errors.ts'
import { keyPairOfNode } from '../identity.ts'
import { type LinkCounters, noLinkCounts } from '../link-counters.ts'
import { TwinProof } from '../twin-proof.ts'
import { UdpDialer } from './dialer.ts'
import type { PlaceFacts } from './facts.ts'
import { HardNats, type SideSocket } from './hard-nats.ts'
import { UdpLink } from './link.ts'
import { NearestRelay } from './nearest-relay.ts'
import type { UdpLinksParts } from './parts.ts'
import { UdpPaths } from './paths.ts'
import { Reach } from './reach.ts'

export class UdpLinks implements LinkLayer {
  readonly self: Address
  readonly paths: UdpPaths
  readonly #parts: UdpLinksParts
  readonly #twin: TwinProof
  readonly #direct: Sessions
  readonly #relays: RelaySocket
  /** Sessions through third nodes. */
  readonly #relayed: Sessions
  readonly #dialer: UdpDialer
  readonly #socket: SideSockets<SideSocket>
  readonly #reach: Reach
  readonly #hardNats: HardNats
  readonly #nearestRelay: NearestRelay
  /** Links, and incoming sessions that are not links yet. */
  readonly #open = new Set<UdpLink>()
  /** Sessions that their peers have not called links yet, the oldest first. */
  readonly #pending = new Set<UdpLink>()
  readonly #counters = noLinkCounts()
  readonly #arrivals = new Arrivals(this.#counters)
  /** Ends every dial when the node stops. */
  readonly #stopping = new AbortController()
  #stopped: Promise<void> | undefined
  #endpointsHandler: () => void = () => {}

  constructor(parts: UdpLinksParts) {
    this.self = parts.identity.address
    // One for each dial under way.
    setMaxListeners(0, this.#stopping.signal)
    this.#parts = parts
    this.#twin = new TwinProof(parts.identity)
    const sessionWith = (peer: Address) => this.#sessionWith(peer)
    const socket = new SideSockets<SideSocket>(parts.socket)
    this.#socket = socket
    const socketFor = (to: UdpEndpoint) => socket.sideFor(to)?.handle ?? parts.socketFor?.(to)
    this.paths = new UdpPaths({ sessionWith, socketFor })
    const ground = { ...parts, socket, identity: keyPairOfNode(parts.identity) }
    this.#direct = new Sessions(ground)
    this.#relays = new RelaySocket({ sessionWith, clock: parts.clock, counters: parts.drops })
    this.#nearestRelay = new NearestRelay({ ...parts, relays: this.#relays, links: () => this.#open })
    const silence = asHeardBy(parts.silence ?? ASSUMED, (body) => this.#nearestRelay.onAnswer(body))
    this.#relayed = new Sessions({
      ...{ ...ground, socket: this.#relays, silence, setGate: undefined, openerLeads: true },
      networkOf: (endpoint) => String(this.#relays.relayOf(endpoint)),
    })
    for (const sessions of [this.#direct, this.#relayed]) sessions.onSession = (session) => this.#accept(session)
    this.#reach = new Reach({
      ...{ listening: parts.listening, announce: parts.announce, peerId: parts.identity.peerId, clock: parts.clock },
      links: () => this.#open,
      changed: () => {
        parts.silence?.isAt(this.#reach.places)
        this.#endpointsHandler()
      },
    })
    this.#hardNats = new HardNats({
      ...{ self: this.self, clock: parts.clock, random: parts.random, counters: parts.drops },
      ...{ socket, opener: parts.opener },
      outer: this.#reach.outer,
      admits: (ip) => parts.rules.admitsIp4(ip),
      hasDirect: (peer) => this.#sessionWith(peer) !== undefined,
      link: async (to, peer, signal) => this.#linkOwn(await this.#direct.connect(to, peer, signal)),
    })
    parts.silence?.start({
      witnesses: () => [...this.#open].filter(isWitness).map(({ session }) => session),
      receive: (datagram, from) => this.#direct.receive(datagram, from),
    })
    this.#dialer = new UdpDialer({
      ...{ self: this.self, clock: parts.clock, direct: this.#direct, relayed: this.#relayed, relays: this.#relays },
      reaches: parts.reaches ?? (() => true),
      linkTo: async (session) => (await this.#linkOwn(session)) !== undefined,
    })
  }

  set onLink(handler: (link: Link) => void) {
    this.#arrivals.onLink = handler
  }

  /** Nothing is discovered over UDP: mDNS is libp2p's. */
  set onDiscovered(_handler: (endpoint: string) => void) {}

  set onEndpoints(handler: () => void) {
    this.#endpointsHandler = handler
  }

  /** See `OuterEndpoints.mapped`. */
  set mapped(endpoint: UdpEndpoint | undefined) {
    this.#reach.outer.mapped = endpoint
  }

  /** See `Sessions.refused`. */
  refused(endpoint: UdpEndpoint): void {
    this.#direct.refused(endpoint)
  }

  endpoints(): string[] {
    return this.#reach.endpoints()
  }

  /** A node names relays when others see it elsewhere than it listens. */
  isGuarded({ endpoints }: Contact): boolean {
    return endpoints.some((text) => {
      const endpoint = readEndpoint(text)
      return endpoint?.carrier === 'udp' && endpoint.relayed
    })
  }

  /** Sessions run through the peer: this node's to others, or others' to this node. */
  needs(peer: Address): boolean {
    for (const link of this.#open) {
      if (link.relay === peer || (link.peer === peer && this.#reach.isThrough(link))) return true
    }
    return false
  }

  counters(): Readonly<LinkCounters> {
    return { ...this.#counters }
  }

  /** Datagrams and sessions by what became of them. */
  outcomes(): Readonly<Record<string, number>> {
    const all = new Counters()
    for (const counters of [this.#parts.drops, this.#direct.counters, this.#relayed.counters]) {
      for (const [name, count] of Object.entries(counters.snapshot())) all.add(name, count)
    }
    return all.snapshot()
  }

  place(): PlaceFacts {
    const { silence, sockets = [] } = this.#parts
    const keepAlive = { keepAliveMs: speakAfterMs(silence ?? ASSUMED), isKeepAliveMeasured: silence?.isProven ?? false }
    const { outer } = this.#reach
    return { mapping: outer.mapping, outer: outer.seenAt(), ...keepAlive, sockets }
  }

  prove(nonce: Uint8Array): Uint8Array {
    return this.#twin.prove(nonce)
  }

  isOwnProof(nonce: Uint8Array, proof: Uint8Array): boolean {
    return this.#twin.isOwn(nonce, proof)
  }

  /** @throws LinkError */
  async dial(contact: Contact, signal?: AbortSignal): Promise<Link> {
    return await this.#dialContact(contact, endpointsOn('udp', contact), signal)
  }

  isImprovable({ relayed }: Link): boolean {
    return relayed
  }

  /** @throws LinkError */
  async dialBetter(contact: Contact, _standing: Link, signal?: AbortSignal): Promise<Link> {
    const direct = endpointsOn('udp', contact).filter(({ relayed }) => !relayed)
    return await this.#dialContact(contact, direct, signal)
  }

  /** @throws LinkError, or InputError when `endpoint` is malformed */
  async dialEndpoint(endpoint: string, signal?: AbortSignal): Promise<Link> {
    const parsed = parseEndpoint(endpoint)
    if (parsed.carrier !== 'udp') throw new LinkError('unreachable', `${endpoint} is not reached over UDP.`)
    this.#parts.rules.onGiven(parsed)
    const expected = parsed.peer && addressOfPeer(parsed.peer)
    return await this.#dial(signal, async (limit) =>
      this.#dialer.connect(await resolved(parsed, this.#parts.clock), expected, limit),
    )
  }

  /** @throws LinkError */
  async dialThrough(relay: Address, { address }: Contact, signal?: AbortSignal): Promise<Link> {
    if (this.#sessionWith(relay) === undefined) {
      throw new LinkError('unreachable', `No direct link over UDP to the relay ${formatAddress(relay)}.`)
    }
    return await this.#dial(signal, (limit) => this.#dialer.connectThrough(relay, address, limit))
  }

  /** Closes everything; frames sent before reach peers that still answer. Takes about `STOP_LIMIT_MS` / 2 at most. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    this.#stopping.abort(new LinkError('stopped', 'The node is stopping.'))
    this.#reach.stop()
    this.#hardNats.stop()
    this.#parts.silence?.stop()
    const open = [...this.#open]
    for (const link of open) link.close()
    await doneWithin(this.#parts.clock, STOP_LIMIT_MS / 2, Promise.all(open.map((link) => link.released)))
    this.#relayed.stop()
    this.#direct.stop()
    this.#socket.close()
  }

  #dialContact({ address }: Contact, endpoints: readonly Endpoint[], signal?: AbortSignal): Promise<Link> {
    return this.#dial(signal, async (limit) =>
      this.#dialer.connect(await this.#parts.rules.select(endpoints), address, limit),
    )
  }

  async #dial(signal: AbortSignal | undefined, connect: (limit: AbortSignal) => Promise<Session>): Promise<Link> {
    const limits = { clock: this.#parts.clock, stopping: this.#stopping.signal, counters: this.#counters }
    return await limitedDial(limits, signal, async (limit) => {
      for (;;) {
        const link = this.#adopt(await connect(limit))
        // Where both dialled at once, the session is the peer's, who is about to say that it is a link.
        if (!(await link.opened)) throw new LinkError('refused', 'The peer ended the session.')
        if (link.isOpen) return link
        await unlessAborted(link.released, limit)
      }
    })
  }

  #accept(session: Session): void {
    const isLooped = this.#parts.rules.isInOverlay(ipOf(session.remote))
    if (session.peer === this.self || isLooped || this.#stopped !== undefined) {
      this.#counters.refused++
      session.close()
      return
    }
    const link = this.#adopt(session, () => {
      this.#pending.delete(link)
      this.#arrivals.announce(link)
    })
    this.#pending.add(link)
    void link.released.then(() => this.#pending.delete(link))
    this.#makeRoom()
  }

  /** Who means to be linked says so within a round trip. */
  #makeRoom(): void {
    if (this.#pending.size <= MAX_PENDING) return
    const oldest = this.#pending.values().next().value!
    this.#pending.delete(oldest)
    this.#counters.refused++
    oldest.abort()
  }

  #adopt(session: Session, onOpen?: () => void): UdpLink {
    const standing = this.#linkOn(session)
    if (standing !== undefined) return standing
    const { clock, random } = this.#parts
    const isRelayed = isBehindRelay(session.remote)
    const link = new UdpLink({
      session,
      clock,
      random,
      counters: this.#counters,
      ...(isRelayed && {
        relay: () => this.#relays.relayOf(session.remote),
        onFan: (word) => this.#hardNats.onWord(link, word),
        onData: () => {
          this.#hardNats.onData(link)
          this.#nearestRelay.onData(link)
        },
      }),
      // A relayed session carries nothing for a fourth node, and its endpoints mean nothing.
      ...(!isRelayed && {
        onDatagram: (payload) => this.#relays.receive(session.peer, payload),
        onSeen: (endpoint) => this.#reach.outer.note(link.peer, endpoint),
      }),
      ...(onOpen && { onOpen }),
    })
    this.#open.add(link)
    const placed = () => {
      link.tell(this.#reach.carries)
      this.paths.changed(link.peer)
    }
    if (!isRelayed) {
      session.onMoved = placed
      void link.opened.then(placed)
    }
    void link.released.then(() => this.#released(link))
    return link
  }

  /** A session is wanted as a link: the owner gets it as if the peer had dialled. Undefined when the peer does not want it. */
  async #linkOwn(session: Session): Promise<UdpLink | undefined> {
    const isNew = this.#linkOn(session) === undefined
    const link = this.#adopt(session)
    if (!(await link.opened)) return undefined
    if (isNew) this.#arrivals.announce(link)
    return link.isOpen ? link : undefined
  }

  #linkOn(session: Session): UdpLink | undefined {
    return [...this.#open].find((link) => link.session === session)
  }

  /** A session whose datagrams go directly to `peer`, on which it carries those of others. */
  #sessionWith(peer: Address): Session | undefined {
    return [...this.#open].findLast((link) => link.peer === peer && !link.relayed && link.isOpen)?.session
  }

  #released(link: UdpLink): void {
    this.#open.delete(link)
    const isLast = !link.relayed && this.#sessionWith(link.peer) === undefined
    this.#reach.released(link, isLast)
    if (!link.relayed) this.paths.changed(link.peer)
    if (isLast) for (const other of [...this.#open]) if (other.relay === link.peer) other.abort()
  }
}

/** Others can dial the peer, so nothing before it keeps this node's datagrams out. */
function isWitness({ relayed, isOpen, carries }: UdpLink): boolean {
  return !relayed && isOpen && carries
}
