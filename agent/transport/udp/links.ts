/**
 * A link layer over UDP: each link is a node session with its reliable stream. A node carries sessions between any two
 * nodes that it is linked to; such a session ends with the link to the node that carries it.
 *
 * Two nodes have one session, so one link: a dial to a node that is linked already brings the link that stands. Beside it
 * there may be one through a third node, and for a moment one with a copy of the peer.
 */

import { setMaxListeners } from 'node:events'
import type { Clock } from '../../core/clock.ts'
import { Counters } from '../../core/counters.ts'
import { doneWithin, unlessAborted } from '../../core/deadline.ts'
import type { Random } from '../../core/random.ts'
import { SpacedReview } from '../../core/spaced-review.ts'
import { type Address, formatAddress } from '../../overlay/address.ts'
import type { Contact, Link, LinkLayer } from '../../overlay/link.ts'
import type { DatagramSocket, UdpEndpoint } from '../../underlay/datagrams.ts'
import { RelaySocket } from '../../underlay/relay-socket.ts'
import { type Session, Sessions } from '../../underlay/sessions.ts'
import { MAX_PENDING, MAX_WAITING_LINKS, REACH_SPACING_MS, STOP_LIMIT_MS } from '../constants.ts'
import { limitedDial } from '../dial-limit.ts'
import { type DialRules, resolved } from '../dial-rules.ts'
import {
  addressOfPeer,
  type Endpoint,
  endpointsOn,
  orderEndpoints,
  parseEndpoint,
  readEndpoint,
  udpMultiaddr,
} from '../endpoints.ts'
import { LinkError } from '../errors.ts'
import { type Identity, keyPairOfNode } from '../identity.ts'
import { type LinkCounters, noLinkCounts } from '../link-counters.ts'
import { TwinProof } from '../twin-proof.ts'
import { UdpDialer } from './dialer.ts'
import { UdpLink } from './link.ts'
import { OuterEndpoints } from './outer-endpoints.ts'
import { UdpPaths } from './paths.ts'
import { UdpRelaySlots } from './relay-slots.ts'

export interface UdpLinksParts {
  readonly identity: Identity
  readonly socket: DatagramSocket
  /** The key of a ring of its own; undefined: a shared ring, which anybody may join. */
  readonly ringKey: Uint8Array | undefined
  /** Where this node's sockets are now. */
  readonly listening: () => readonly UdpEndpoint[]
  /** Where others reach this node besides, such as `/ip4/192.0.2.1/udp/4001` (a public address with port forwarding). */
  readonly announce: readonly string[]
  /** Whether the sockets can send there, which may be of one address family; undefined: anywhere. */
  readonly reaches?: (to: UdpEndpoint) => boolean
  /** What others name and may be dialled. */
  readonly rules: DialRules
  readonly clock: Clock
  readonly random: Random
  /** Dropped datagrams, by reason. */
  readonly drops: Counters
  /** The socket that reaches an endpoint, for those who send beside the sessions; see `Paths`. */
  readonly socketFor?: (endpoint: UdpEndpoint) => object | undefined
}

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
  readonly #outer: OuterEndpoints
  readonly #slots = new UdpRelaySlots()
  /** What the peers were told. */
  #carries = false
  #told = ''
  readonly #reach: SpacedReview
  /** Links, and incoming sessions that are not links yet. */
  readonly #open = new Set<UdpLink>()
  #pending = 0
  readonly #counters = noLinkCounts()
  /** Ends every dial when the node stops. */
  readonly #stopping = new AbortController()
  #stopped: Promise<void> | undefined
  #linkHandler: ((link: Link) => void) | undefined
  #waiting: UdpLink[] = []
  #endpointsHandler: () => void = () => {}

  constructor(parts: UdpLinksParts) {
    this.self = parts.identity.address
    // One for each dial under way.
    setMaxListeners(0, this.#stopping.signal)
    this.#parts = parts
    this.#twin = new TwinProof(parts.identity)
    const sessionWith = (peer: Address) => this.#sessionWith(peer)
    this.paths = new UdpPaths({ sessionWith, socketFor: parts.socketFor ?? (() => undefined) })
    const ground = { ...parts, identity: keyPairOfNode(parts.identity) }
    this.#direct = new Sessions(ground)
    this.#relays = new RelaySocket({ sessionWith, clock: parts.clock, counters: parts.drops })
    this.#relayed = new Sessions({ ...ground, socket: this.#relays })
    for (const sessions of [this.#direct, this.#relayed]) sessions.onSession = (session) => this.#accept(session)
    this.#reach = new SpacedReview(parts.clock, REACH_SPACING_MS, () => this.#spreadReach())
    this.#outer = new OuterEndpoints(parts.listening)
    this.#dialer = new UdpDialer({
      ...{ self: this.self, clock: parts.clock, direct: this.#direct, relayed: this.#relayed, relays: this.#relays },
      reaches: parts.reaches ?? (() => true),
      linkTo: (session) => this.#linkToRelay(session),
    })
  }

  set onLink(handler: (link: Link) => void) {
    this.#linkHandler = handler
    const waiting = this.#waiting
    this.#waiting = []
    for (const link of waiting) handler(link)
  }

  /** Nothing is discovered over UDP: mDNS is libp2p's. */
  set onDiscovered(_handler: (endpoint: string) => void) {}

  set onEndpoints(handler: () => void) {
    this.#endpointsHandler = handler
  }

  /** See `Sessions.refused`. */
  refused(endpoint: UdpEndpoint): void {
    this.#direct.refused(endpoint)
  }

  endpoints(): string[] {
    const { listening, announce, identity } = this.#parts
    const direct = [...this.#outer.candidates(), ...listening()].map(udpMultiaddr)
    return orderEndpoints([...announce], direct, this.#slots.endpoints(identity.peerId), identity.peerId)
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
      if (link.relay === peer || (link.peer === peer && this.#slots.has(link))) return true
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

  /** @throws LinkError */
  async dialDirect(contact: Contact, signal?: AbortSignal): Promise<Link> {
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
    const open = [...this.#open]
    for (const link of open) link.close()
    await doneWithin(this.#parts.clock, STOP_LIMIT_MS / 2, Promise.all(open.map((link) => link.released)))
    this.#relayed.stop()
    this.#direct.stop()
    this.#parts.socket.close()
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
    if (this.#pending >= MAX_PENDING || session.peer === this.self || this.#stopped !== undefined) {
      this.#counters.refused++
      session.close()
      return
    }
    this.#pending++
    let pending = true
    const settled = () => {
      if (pending) this.#pending--
      pending = false
    }
    const link = this.#adopt(session, () => {
      settled()
      this.#announce(link)
    })
    void link.released.then(settled)
  }

  #announce(link: UdpLink): void {
    if (this.#linkHandler !== undefined) this.#linkHandler(link)
    else if (this.#waiting.length < MAX_WAITING_LINKS) this.#waiting.push(link)
    else {
      this.#counters.refused++
      link.close()
    }
  }

  #adopt(session: Session, onOpen?: () => void): UdpLink {
    const standing = this.#linkOn(session)
    if (standing !== undefined) return standing
    const { clock, random } = this.#parts
    const isRelayed = this.#relays.relayOf(session.remote) !== undefined
    const link = new UdpLink({
      session,
      clock,
      random,
      counters: this.#counters,
      ...(isRelayed && { relay: () => this.#relays.relayOf(session.remote) }),
      // A relayed session carries nothing for a fourth node, and its endpoints mean nothing.
      ...(!isRelayed && {
        onDatagram: (payload) => this.#relays.receive(session.peer, payload),
        onSeen: (endpoint) => this.#seenAt(link, endpoint),
      }),
      ...(onOpen && { onOpen }),
    })
    this.#open.add(link)
    if (!isRelayed) {
      session.onMoved = () => {
        link.tell(this.#carries)
        this.paths.changed(link.peer)
      }
      void link.opened.then(() => {
        link.tell(this.#carries)
        this.paths.changed(link.peer)
      })
    }
    void link.released.then(() => this.#released(link))
    return link
  }

  /** A session through the peer is wanted: the two are linked, and the owner gets the link as if the peer had dialled. */
  async #linkToRelay(session: Session): Promise<boolean> {
    const isNew = this.#linkOn(session) === undefined
    const link = this.#adopt(session)
    if (!(await link.opened)) return false
    if (isNew) this.#announce(link)
    return link.isOpen
  }

  #seenAt(link: UdpLink, endpoint: UdpEndpoint): void {
    this.#outer.note(link.peer, endpoint)
    this.#reach.ask()
  }

  /** Tells the owner and the peers when others can reach this node in another way than before. Returns whether it is so. */
  #spreadReach(): boolean {
    const { mapping } = this.#outer
    this.#slots.review(this.#open, mapping === 'predictable' || mapping === 'random')
    const carries = this.#parts.announce.length > 0 || mapping === 'none'
    const isNews = carries !== this.#carries
    if (isNews) {
      this.#carries = carries
      for (const link of this.#open) if (!link.relayed) link.tell(carries)
    }
    const endpoints = this.endpoints().join()
    if (endpoints === this.#told) return isNews
    this.#told = endpoints
    this.#endpointsHandler()
    return true
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
    if (!link.relayed && this.#sessionWith(link.peer) === undefined) this.#outer.forget(link.peer)
    this.#reach.ask()
    if (!link.relayed) this.paths.changed(link.peer)
    if (link.relayed || this.#sessionWith(link.peer) !== undefined) return
    for (const other of [...this.#open]) if (other.relay === link.peer) other.abort()
  }
}
