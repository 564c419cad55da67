/**
 * Turns endpoints, or a relay and an address, into a session. A dial ends with the caller's signal. A session that came
 * too late, or leads to another node than intended, is closed.
 */

import type { Clock } from '../../core/clock.ts'
import { messageOf } from '../../core/errors.ts'
import { type Address, formatAddress } from '../../overlay/address.ts'
import type { UdpEndpoint } from '../../underlay/datagrams.ts'
import type { RelaySocket } from '../../underlay/relay-socket.ts'
import { type Session, SessionError, type Sessions } from '../../underlay/sessions.ts'
import { MAX_ENDPOINTS, NEXT_ENDPOINT_AFTER_MS, UDP_RELAY_HEAD_START_MS } from '../constants.ts'
import { addressOfPeer, type Endpoint, udpEndpointOf } from '../endpoints.ts'
import { LinkError } from '../errors.ts'
import { type Attempt, race } from '../race.ts'

export interface UdpDialerParts {
  readonly self: Address
  readonly clock: Clock
  readonly direct: Pick<Sessions, 'connect'>
  /** Sessions over `relays`. */
  readonly relayed: Pick<Sessions, 'connect'>
  readonly relays: RelaySocket
  /** Whether this node's sockets can send there. */
  readonly reaches: (to: UdpEndpoint) => boolean
  /** Makes a session a link, for others to run through. False when the peer does not want that. */
  readonly linkTo: (session: Session) => Promise<boolean>
}

export class UdpDialer {
  readonly #parts: UdpDialerParts
  /** Called when a relay refuses to carry to an endpoint. */
  readonly #refusals = new Map<UdpEndpoint, Set<() => void>>()

  constructor(parts: UdpDialerParts) {
    this.#parts = parts
    parts.relays.onRefused = (endpoint) => {
      for (const refuse of this.#refusals.get(endpoint) ?? []) refuse()
    }
  }

  /** A session with the node that `endpoints` lead to: each gets a head start before the next. @throws LinkError */
  async connect(endpoints: readonly Endpoint[], expected: Address | undefined, limit: AbortSignal): Promise<Session> {
    const isSelf = ({ peer }: Endpoint) => peer !== undefined && addressOfPeer(peer) === this.#parts.self
    const others = endpoints.filter((endpoint) => !isSelf(endpoint)).slice(0, MAX_ENDPOINTS)
    const sockets = (relayed: boolean) =>
      others
        .filter((endpoint) => endpoint.relayed === relayed)
        .flatMap((endpoint) => udpEndpointOf(endpoint) ?? [])
        .filter(this.#parts.reaches)
    const [direct, relays] = [sockets(false), expected === undefined ? [] : sockets(true)]
    if (direct.length + relays.length === 0) {
      if (others.length < endpoints.length) throw new LinkError('self', 'This node was told to dial itself.')
      throw new LinkError('unreachable', 'The node has no UDP endpoint that can be dialled.')
    }
    let first: Session | undefined
    // Two endpoints of one node lead to one session.
    const discard = (late: Session) => {
      if (late !== first) late.close()
    }
    const inTurn = (to: readonly UdpEndpoint[], connect: Connect) => (signal: AbortSignal) => {
      const attempts = to.map((endpoint) => ({
        headStart: NEXT_ENDPOINT_AFTER_MS,
        run: async (given: AbortSignal) => {
          const session = this.#checked(await connect(endpoint, given), expected)
          first ??= session
          return session
        },
      }))
      return race(attempts, { clock: this.#parts.clock, signal, discard })
    }
    const ways: Attempt<Session>[] = [
      { headStart: 0, run: inTurn(direct, (to, signal) => this.#parts.direct.connect(to, expected, signal)) },
      {
        headStart: UDP_RELAY_HEAD_START_MS,
        patient: true,
        run: inTurn(relays, (relay, signal) => this.#connectThroughNode(relay, expected!, signal)),
      },
    ]
    try {
      return await race(ways, { clock: this.#parts.clock, signal: limit, discard })
    } catch (error) {
      if (limit.aborted) throw error
      throw explain(`No link to ${others.map(({ text }) => text).join(', ')}`, expected, error)
    }
  }

  /** A session with `peer` through the node at `relay`, to which this node links if it is not linked yet. */
  async #connectThroughNode(relay: UdpEndpoint, peer: Address, limit: AbortSignal): Promise<Session> {
    const session = this.#checked(await this.#parts.direct.connect(relay, undefined, limit), undefined)
    if (!(await this.#parts.linkTo(session))) throw new LinkError('refused', `The relay at ${relay} does not link.`)
    return await this.connectThrough(session.peer, peer, limit)
  }

  /** A session with `peer` through a relay that this node has a session with. @throws LinkError */
  async connectThrough(relay: Address, peer: Address, limit: AbortSignal): Promise<Session> {
    const to = this.#parts.relays.endpointOf(relay, peer)
    const refused = new AbortController()
    // The peer's own link to the relay may be about to come up: only the refusal of a repetition counts.
    let refusals = 0
    const refuse = () => {
      if (++refusals < 2) return
      refused.abort(new LinkError('refused', `${formatAddress(relay)} is not linked to ${formatAddress(peer)}.`))
    }
    const waiting = this.#refusals.get(to) ?? new Set()
    this.#refusals.set(to, waiting.add(refuse))
    const pass = () => refused.abort(limit.reason)
    limit.addEventListener('abort', pass)
    try {
      return this.#checked(await this.#parts.relayed.connect(to, peer, refused.signal), peer)
    } catch (error) {
      throw refused.signal.aborted
        ? refused.signal.reason
        : explain(`No link through ${formatAddress(relay)}`, peer, error)
    } finally {
      limit.removeEventListener('abort', pass)
      waiting.delete(refuse)
      if (waiting.size === 0) this.#refusals.delete(to)
    }
  }

  #checked(session: Session, expected: Address | undefined): Session {
    if (session.peer !== this.#parts.self && (expected === undefined || session.peer === expected)) return session
    session.close()
    if (session.peer === this.#parts.self) throw new LinkError('self', `At ${session.remote} lives this node itself.`)
    throw new LinkError('wrong-peer', `At ${session.remote} lives another node than expected.`)
  }
}

type Connect = (to: UdpEndpoint, signal: AbortSignal) => Promise<Session>

function explain(what: string, expected: Address | undefined, error: unknown): LinkError {
  const reasons = reasonsOf(error)
  // The private address of another node may be one of this node's own: that node was not reached, no more.
  const telling = reasons
    .filter((reason) => reason instanceof LinkError || reason instanceof SessionError)
    .find(({ failure }) => failure !== 'unreachable' && (failure !== 'self' || expected === undefined))
  const why = [...new Set(reasons.map(messageOf))].join('; ')
  return new LinkError(telling?.failure ?? 'unreachable', `${what}: ${why}.`, { cause: error })
}

function reasonsOf(error: unknown): unknown[] {
  return error instanceof AggregateError ? error.errors.flatMap(reasonsOf) : [error]
}
