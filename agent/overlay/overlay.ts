/**
 * The ring's interface to the layers above it: requests by address, datagrams to linked nodes, and whether this node is
 * correctly connected. `Ring` implements it over any `LinkLayer`.
 */

import { WowError } from '../core/errors.ts'
import type { Address } from './address.ts'
import type { Contact } from './link.ts'

/** The service above the overlay that a request is for. The values are on the wire. */
export const SERVICES = { ring: 0, dht: 1, tunnel: 2, namespace: 3 } as const
export type Service = (typeof SERVICES)[keyof typeof SERVICES]

/** `closest`: the node nearest to the target answers. `exact`: only the target itself answers. */
export type Delivery = 'closest' | 'exact'

export interface Request {
  /** The asking node, as claimed by it and every node on the way; proven only when it equals `via`. */
  readonly source: Address
  /** The linked node that handed the request over, its address proven; this node itself for its own request. */
  readonly via: Address
  readonly target: Address
  readonly delivery: Delivery
  readonly body: Uint8Array
}

export interface Answer {
  readonly from: Address
  /** How many links the request crossed. */
  readonly hops: number
  readonly body: Uint8Array
}

export interface RequestOptions {
  readonly delivery?: Delivery
  /** The least time for an answer, ms: where round trips are longer, so is the patience. */
  readonly timeoutMs?: number
  /** The peer to go through first, whatever the target: asks the ring as that peer sees it. */
  readonly through?: Address | undefined
}

/** Answers with bytes; a thrown `Refusal` travels back as `refused` with its reason. */
export type RequestHandler = (request: Request) => Uint8Array | Promise<Uint8Array>

/**
 * `no-route`: an exact target is not on the ring, or the way is longer than `HOP_LIMIT`. `no-answer`: the request or
 * its answer was lost, or took too long. `refused`: the target's service says no.
 */
export type DeliveryFailure = 'no-route' | 'no-answer' | 'refused'

export class DeliveryError extends WowError {
  readonly failure: DeliveryFailure

  constructor(failure: DeliveryFailure, detail: string) {
    super(
      `OVERLAY_${failure.toUpperCase().replace('-', '_')}`,
      detail,
      'The overlay retries by itself; see wow doctor.',
    )
    this.failure = failure
  }
}

export class Refusal extends Error {}

export interface Overlay {
  readonly self: Address
  /** Links to the true left and right neighbour are up, and neither knows of a node in between (paper section 4). */
  readonly correctlyConnected: boolean
  /** How long an honest answer through the ring takes at most, ms, by the round trips measured so far. */
  readonly routedTimeoutMs: number
  /** @throws DeliveryError */
  request(service: Service, target: Address, body: Uint8Array, options?: RequestOptions): Promise<Answer>
  serve(service: Service, handler: RequestHandler): void
  /**
   * Makes sure that a link to `peer`, direct or relayed, is up, and keeps it while datagrams flow.
   * `known`: where it listens; by default the ring is asked.
   * @throws DeliveryError, or the reason of `signal` when that comes first
   */
  connect(peer: Address, signal?: AbortSignal, known?: Contact): Promise<void>
  /** Sends one datagram over the link to `peer`; false when there is none or it is full. */
  datagram(peer: Address, body: Uint8Array): boolean
  /** What a linked peer should answer is not answered: finds out whether it is there, and closes the link if it is not. */
  suspect(peer: Address): void
  set onDatagram(handler: (peer: Address, body: Uint8Array) => void)
  /** A link went down; there may be another later. */
  onUnlinked(handler: (peer: Address) => void): void
}
