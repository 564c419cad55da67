/**
 * Turns a contact or an endpoint into a link: over an existing connection if there is one, otherwise over a new one.
 *
 * Guarantees: a dial ends with the caller's signal, when the node stops, or after `DIAL_LIMIT_MS`. A link leads to the
 * intended node. A connection on which no link came up is released.
 */

import type { Connection, Stream } from '@libp2p/interface'
import { withDeadline } from '../../core/deadline.ts'
import { messageOf } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { type Address, formatAddress } from '../../overlay/address.ts'
import type { Contact, Link } from '../../overlay/link.ts'
import { LINK_PROTOCOL, MAX_LINKS_PER_PEER, REUSE_LIMIT_MS } from '../constants.ts'
import { type DialLimits, limitedDial } from '../dial-limit.ts'
import type { DialRules } from '../dial-rules.ts'
import { addressOfPeer, type Endpoint, endpointsOn, parseEndpoint, readEndpoint } from '../endpoints.ts'
import { LinkError, noLinkTo } from '../errors.ts'
import { isDirect } from './connections.ts'
import { Dialer } from './dialer.ts'
import type { Libp2pLink } from './link.ts'
import type { Libp2pNode } from './node.ts'

export interface LinkDialerParts extends DialLimits {
  readonly node: Libp2pNode
  readonly log: Log
  readonly self: Address
  readonly rules: DialRules
  /** The open links, each with its connection. */
  readonly open: ReadonlyMap<Libp2pLink, Connection>
  /** Releases a connection; it is closed unless something uses it. */
  readonly release: (connection: Connection) => void
  readonly adopt: (stream: Stream, connection: Connection, peer: Address) => Link
}

export class LinkDialer {
  readonly #parts: LinkDialerParts
  readonly #dialer: Dialer

  constructor(parts: LinkDialerParts) {
    this.#parts = parts
    this.#dialer = new Dialer(parts)
  }

  /** @throws LinkError */
  async dial(contact: Contact, signal?: AbortSignal): Promise<Link> {
    const endpoints = endpointsOn('tcp', contact)
    return await this.#limited(signal, async (limit) =>
      this.#linkTo(await this.#parts.rules.select(endpoints), contact.address, limit),
    )
  }

  /** @throws LinkError */
  async dialDirect(contact: Contact, signal?: AbortSignal): Promise<Link> {
    const direct = endpointsOn('tcp', contact).filter(({ relayed }) => !relayed)
    return await this.#limited(signal, async (limit) =>
      this.#linkTo(await this.#parts.rules.select(direct), contact.address, limit, false),
    )
  }

  /** @throws LinkError, or InputError when `endpoint` is malformed */
  async dialEndpoint(endpoint: string, signal?: AbortSignal): Promise<Link> {
    const parsed = parseEndpoint(endpoint)
    if (parsed.carrier !== 'tcp') throw new LinkError('unreachable', `${endpoint} is not reached over TCP.`)
    this.#parts.rules.onGiven(parsed)
    return await this.#limited(signal, (limit) => this.#linkTo([parsed], undefined, limit))
  }

  /** @throws LinkError */
  async dialThrough(relay: Address, contact: Contact, signal?: AbortSignal): Promise<Link> {
    const over = [...this.#parts.open].find(([link]) => link.peer === relay && !link.relayed)?.[1]
    if (over === undefined) throw noLinkTo(relay)
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

  /** How many links to `peer` are open. */
  linksTo(peer: Address | undefined): number {
    return [...this.#parts.open.keys()].filter((link) => link.peer === peer).length
  }

  #limited(signal: AbortSignal | undefined, dial: (limit: AbortSignal) => Promise<Link>): Promise<Link> {
    return limitedDial(this.#parts, signal, dial)
  }

  /** @param mayRelay whether an existing relayed connection may be used when no endpoint answers */
  async #linkTo(
    endpoints: readonly Endpoint[],
    expected: Address | undefined,
    limit: AbortSignal,
    mayRelay = true,
  ): Promise<Link> {
    const standing = this.#standing(endpoints, expected)
    const known = expected ?? (standing && addressOfPeer(standing.remotePeer))
    if (this.linksTo(known) >= MAX_LINKS_PER_PEER) {
      throw new LinkError('refused', `There are ${MAX_LINKS_PER_PEER} links to this node already.`)
    }
    if (standing !== undefined && isDirect(standing)) {
      const link = await this.#reuse(standing, limit)
      if (link !== undefined) return link
    }
    const connection = await this.#dialer.connect(endpoints, limit, mayRelay ? standing : undefined)
    const address = addressOfPeer(connection.remotePeer)
    if (address === undefined || (expected !== undefined && address !== expected)) {
      this.#parts.release(connection)
      throw new LinkError('wrong-peer', `At ${connection.remoteAddr} lives another node than expected.`)
    }
    return await this.#openLink(connection, limit)
  }

  /** undefined when no link opens within `REUSE_LIMIT_MS`: the connection is probably dead, and a new one is needed. */
  async #reuse(connection: Connection, limit: AbortSignal): Promise<Link | undefined> {
    const late = new LinkError('unreachable', 'The connection is silent.')
    const deadline = { clock: this.#parts.clock, limitMs: REUSE_LIMIT_MS, signals: [limit], late }
    try {
      return await withDeadline(deadline, (signal) => this.#openLink(connection, signal))
    } catch (error) {
      if (limit.aborted) throw error
      this.#parts.log.debug('a standing connection is of no use', {
        remote: `${connection.remoteAddr}`,
        reason: messageOf(error),
      })
      return undefined
    }
  }

  /** An existing connection to the node, preferably a direct one. */
  #standing(endpoints: readonly Endpoint[], address: Address | undefined): Connection | undefined {
    const linked = [...this.#parts.open].find(([link]) => link.peer === address)?.[1]
    const peer = linked?.remotePeer ?? endpoints.find((endpoint) => endpoint.peer !== undefined)?.peer
    if (peer === undefined) return undefined
    const standing = this.#parts.node.libp2p.getConnections(peer).filter(({ status }) => status === 'open')
    return standing.find(isDirect) ?? standing[0]
  }

  async #openLink(connection: Connection, signal: AbortSignal): Promise<Link> {
    const options = { signal, runOnLimitedConnection: true, maxOutboundStreams: MAX_LINKS_PER_PEER }
    try {
      const stream = await connection.newStream(LINK_PROTOCOL, options)
      const peer = addressOfPeer(connection.remotePeer)
      if (peer === undefined) throw new TypeError('a key of another kind than ours')
      return this.#parts.adopt(stream, connection, peer)
    } catch (error) {
      this.#parts.release(connection)
      throw new LinkError('refused', `${connection.remoteAddr} takes no link: ${messageOf(error)}.`, { cause: error })
    }
  }
}
