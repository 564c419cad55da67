/**
 * Links as streams of libp2p connections: what `Libp2pLinks` loads when it is first needed.
 *
 * Several links may share a connection, which stays open as long as a link, a relayed connection or a relay slot lives on it.
 * `LinkDialer` dials.
 */

import type { Connection, Stream } from '@libp2p/interface'
import type { Clock } from '../../core/clock.ts'
import { doneWithin } from '../../core/deadline.ts'
import type { Log } from '../../core/log.ts'
import type { Address } from '../../overlay/address.ts'
import type { Arrivals } from '../arrivals.ts'
import { ALIVE_PROTOCOL, LINK_PROTOCOL, MAX_LINKS_PER_PEER, OPEN_LIMIT_MS, STOP_LIMIT_MS } from '../constants.ts'
import type { DialRules } from '../dial-rules.ts'
import { addressOfPeer } from '../endpoints.ts'
import type { Identity } from '../identity.ts'
import type { LinkCounters } from '../link-counters.ts'
import { Connections, isDirect } from './connections.ts'
import { Libp2pLink } from './link.ts'
import { LinkDialer } from './link-dialer.ts'
import { type Libp2pNode, startLibp2pNode } from './node.ts'
import { RelayGrants } from './relay-grants.ts'
import { RelaySlots } from './relay-slots.ts'
import type { TcpPort } from './tcp-port.ts'

export interface StreamLinksParts {
  readonly identity: Identity
  /** undefined: a shared ring. */
  readonly ringKey: Uint8Array | undefined
  /** The ports that libp2p takes over. */
  readonly ports: readonly TcpPort[]
  readonly rules: DialRules
  readonly arrivals: Arrivals
  readonly counters: LinkCounters
  /** `endpoints` has changed. */
  readonly changed: () => void
  /** Ends every dial when the node stops. */
  readonly stopping: AbortSignal
  readonly clock: Clock
  readonly log: Log
}

/** Starts libp2p, which takes the ports over. @throws when a port has been closed */
export async function startStreamLinks(parts: StreamLinksParts): Promise<StreamLinks> {
  const { identity, ringKey, ports, clock, log } = parts
  const node = await startLibp2pNode({ privateKey: identity.privateKey, ringKey, ports, clock, log })
  const links = new StreamLinks(node, parts)
  try {
    await links.start()
  } catch (error) {
    await links.stop()
    throw error
  }
  return links
}

export class StreamLinks {
  readonly dialer: LinkDialer
  readonly #node: Libp2pNode
  readonly #parts: StreamLinksParts
  readonly #connections: Connections
  readonly #grants: RelayGrants
  readonly #slots: RelaySlots
  readonly #open = new Map<Libp2pLink, Connection>()

  /** Use `startStreamLinks`. */
  constructor(node: Libp2pNode, parts: StreamLinksParts) {
    this.#node = node
    this.#parts = parts
    const { identity, rules, counters, stopping, clock, log } = parts
    const common = { clock, log, self: identity.peerId }
    this.#grants = new RelayGrants(node.granted)
    this.#slots = new RelaySlots({
      ...common,
      store: node.reserved,
      candidates: () => this.#relayCandidates(),
      changed: parts.changed,
    })
    this.#connections = new Connections({
      ...common,
      libp2p: node.libp2p,
      holdsSlot: (connection) =>
        this.#slots.holds(connection) || (isDirect(connection) && this.#grants.reservedBy(connection.remotePeer)),
    })
    this.dialer = new LinkDialer({
      node,
      clock,
      log,
      self: identity.address,
      open: this.#open,
      stopping,
      rules,
      counters,
      release: this.#connections.release,
      adopt: (stream, connection, peer) => this.#adopt(stream, connection, peer, true),
    })
  }

  /** Called once, by `startStreamLinks`. */
  async start(): Promise<void> {
    const { libp2p, transports } = this.#node
    const limits = { runOnLimitedConnection: true, maxInboundStreams: MAX_LINKS_PER_PEER }
    await libp2p.handle(LINK_PROTOCOL, (stream, connection) => this.#accept(stream, connection), limits)
    await libp2p.handle(ALIVE_PROTOCOL, (stream) => void stream.close().catch(() => stream.abort(CLOSED)), limits)
    libp2p.addEventListener('peer:disconnect', (event) => this.#grants.forget(event.detail))
    for (const { address } of this.#parts.ports) await transports.listen([address])
  }

  /** Those of relays that reserved a slot for this node. */
  endpoints(): string[] {
    return this.#slots.endpoints()
  }

  /** Closes everything; frames sent before reach peers that still answer. Takes about 1.5 `STOP_LIMIT_MS` at most. */
  async stop(): Promise<void> {
    const { clock } = this.#parts
    this.#slots.stop()
    this.#connections.stop()
    const open = [...this.#open.keys()]
    for (const link of open) link.close()
    await doneWithin(clock, STOP_LIMIT_MS / 2, Promise.all(open.map((link) => link.released)))
    const stopped = Promise.resolve(this.#node.libp2p.stop())
    if (await doneWithin(clock, STOP_LIMIT_MS, stopped)) return
    for (const connection of this.#node.libp2p.getConnections()) connection.abort(CLOSED)
    await stopped
  }

  #accept(stream: Stream, connection: Connection): void {
    const { rules, counters, clock, arrivals, stopping } = this.#parts
    const peer = addressOfPeer(connection.remotePeer)
    const full = this.dialer.linksTo(peer) >= MAX_LINKS_PER_PEER
    // The overlay must not carry itself.
    const isLooped = rules.isInOverlay(connection.remoteAddr.getComponents()[0]?.value ?? '')
    if (peer === undefined || full || isLooped || stopping.aborted) {
      counters.refused++
      stream.abort(new Error('refused'))
      return
    }
    const link = this.#adopt(stream, connection, peer, false)
    const timer = clock.after(OPEN_LIMIT_MS, () => link.close())
    void link.opened.then((isOpen) => {
      timer.cancel()
      if (isOpen) arrivals.announce(link)
    })
  }

  #adopt(stream: Stream, connection: Connection, peer: Address, outgoing: boolean): Libp2pLink {
    const { clock, counters } = this.#parts
    const relayed = !isDirect(connection)
    const remote = connection.remoteAddr.toString()
    const link = new Libp2pLink({ peer, stream, outgoing, relayed, remote, clock, counters })
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
    if (!this.#parts.stopping.aborted) this.#connections.release(connection)
  }

  #relayCandidates(): Connection[] {
    const dialled = [...this.#open.values()].filter((one) => one.direction === 'outbound' && isDirect(one))
    return [...new Set(dialled)]
  }
}

const CLOSED = new Error('the node is stopping')
