/**
 * Turns endpoints into a connection: races direct endpoints in order, then relayed ones; when none works, throws one
 * error that says why. It opens no links, and leaves existing connections to its caller.
 */

import type { Connection } from '@libp2p/interface'
import type { Clock } from '../../core/clock.ts'
import { messageOf } from '../../core/errors.ts'
import type { Address } from '../../overlay/address.ts'
import { MAX_ENDPOINTS, NEXT_ENDPOINT_AFTER_MS, RELAY_HEAD_START_MS } from '../constants.ts'
import { addressOfPeer, type Endpoint, readEndpoint } from '../endpoints.ts'
import { LinkError, type LinkFailure } from '../errors.ts'
import { type Attempt, race } from '../race.ts'
import type { Libp2pNode } from './node.ts'

export interface DialerParts {
  readonly node: Libp2pNode
  readonly self: Address
  readonly clock: Clock
  /** Releases a connection that lost the race; it is closed unless something uses it. */
  readonly release: (connection: Connection) => void
}

export class Dialer {
  readonly #node: Libp2pNode
  readonly #self: Address
  readonly #clock: Clock
  readonly #release: (connection: Connection) => void

  constructor(parts: DialerParts) {
    this.#node = parts.node
    this.#self = parts.self
    this.#clock = parts.clock
    this.#release = parts.release
  }

  /**
   * A connection to the node that `endpoints` lead to; they are assumed to lead to the same node.
   * @param standing an existing connection to it: used instead of a new one through a relay when no direct way works
   * @throws LinkError
   */
  async connect(endpoints: readonly Endpoint[], signal: AbortSignal, standing?: Connection): Promise<Connection> {
    const usable = endpoints.filter((endpoint) => !this.#isSelf(endpoint)).slice(0, MAX_ENDPOINTS)
    if (usable.length === 0 && standing === undefined) {
      if (endpoints.length > 0) throw new LinkError('self', 'This node was told to dial itself.')
      throw new LinkError('unreachable', 'The node has no endpoint that can be dialled.')
    }
    const direct = usable.filter((endpoint) => !endpoint.relayed)
    const relayed: Attempt<Connection>['run'][] =
      standing === undefined
        ? usable.filter((endpoint) => endpoint.relayed).map((one) => (given) => this.#dialRelayed(one, given))
        : [async () => standing]
    const attempts: Attempt<Connection>[] = [
      ...direct.map((endpoint) => ({
        headStart: NEXT_ENDPOINT_AFTER_MS,
        run: (given: AbortSignal) => this.#dial(endpoint, given),
      })),
      ...relayed.map((run, place) => ({
        headStart: place === 0 ? RELAY_HEAD_START_MS : NEXT_ENDPOINT_AFTER_MS,
        patient: true,
        run,
      })),
    ]
    try {
      return await race(attempts, { clock: this.#clock, signal, discard: this.#release })
    } catch (error) {
      throw explain(usable, error)
    }
  }

  /** @throws any error from libp2p; `connect` explains it */
  async #dial(endpoint: Endpoint, signal: AbortSignal): Promise<Connection> {
    return await this.#node.transports.dial(endpoint.multiaddr, { signal })
  }

  async #dialRelayed(endpoint: Endpoint, signal: AbortSignal): Promise<Connection> {
    // By itself libp2p would dial the relay through its dial queue, which tries stale addresses in turn.
    const relay = relayOf(endpoint)
    if (relay?.peer !== undefined && this.#node.libp2p.getConnections(relay.peer).length === 0) {
      await this.#dial(relay, signal)
    }
    return await this.#dial(endpoint, signal)
  }

  #isSelf(endpoint: Endpoint): boolean {
    return endpoint.peer !== undefined && addressOfPeer(endpoint.peer) === this.#self
  }
}

/** The relay's direct endpoint in a relayed one. */
function relayOf(endpoint: Endpoint): Endpoint | undefined {
  const [text = ''] = endpoint.text.split('/p2p-circuit')
  return readEndpoint(text)
}

function explain(endpoints: readonly Endpoint[], error: unknown): LinkError {
  if (error instanceof LinkError) return error
  const reasons = error instanceof AggregateError ? error.errors : [error]
  const where = endpoints.map((endpoint) => endpoint.text).join(', ')
  const why = [...new Set(reasons.map(messageOf))].join('; ')
  return new LinkError(worst(reasons), `No link to ${where}: ${why}.`, { cause: error })
}

/** The failure to report when several ways failed for different reasons. */
function worst(reasons: readonly unknown[]): LinkFailure {
  const messages = reasons.map(messageOf)
  if (messages.some((message) => /can not dial self/i.test(message))) return 'self'
  if (messages.some((message) => /does not match expected remote identity/.test(message))) return 'wrong-peer'
  if (messages.some((message) => /failed to connect via relay/.test(message))) return 'refused'
  return 'unreachable'
}
