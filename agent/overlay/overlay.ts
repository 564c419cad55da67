/**
 * The face of the ring for everything above it: requests by address, datagrams to linked nodes, and the ring's own word
 * on whether it is whole. `Ring` implements it over any `LinkLayer`.
 */

import { WowError } from '../core/errors.ts'
import type { Address } from './address.ts'

/** Who above the overlay a request is for. Values are on the wire. */
export const SERVICES = { ring: 0, dht: 1, tunnel: 2, namespace: 3 } as const
export type Service = (typeof SERVICES)[keyof typeof SERVICES]

/** `closest`: whoever is nearest to the target answers. `exact`: the target itself, or nobody. */
export type Delivery = 'closest' | 'exact'

export interface Request {
  /** Who asked, by its own word and that of every node on the way; proven only when it is `via` itself. */
  readonly source: Address
  /** The linked node that handed the request over, which proved its address; this node for what it asks itself. */
  readonly via: Address
  readonly target: Address
  readonly delivery: Delivery
  readonly body: Uint8Array
}

export interface Answer {
  readonly from: Address
  /** Links that the request went over. */
  readonly hops: number
  readonly body: Uint8Array
}

export interface RequestOptions {
  readonly delivery?: Delivery
  /** The least time for an answer, ms: where round trips are longer, so is the patience. */
  readonly timeoutMs?: number
}

/** Answers with bytes; a thrown `Refusal` travels back as `refused` with its reason. */
export type RequestHandler = (request: Request) => Uint8Array | Promise<Uint8Array>

/**
 * `no-route`: an exact target is not on the ring. `no-answer`: the request or its answer was lost, or took too long.
 * `refused`: the target's service says no.
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
  /** Links to the true left and right neighbour stand, and neither knows of a node in between (paper section 4). */
  readonly correctlyConnected: boolean
  /** How long it takes at most, ms, until an honest answer through the ring has come; as measured. */
  readonly routedTimeoutMs: number
  /** @throws DeliveryError */
  request(service: Service, target: Address, body: Uint8Array, options?: RequestOptions): Promise<Answer>
  serve(service: Service, handler: RequestHandler): void
  /**
   * Makes sure that a direct (or relayed) link to `peer` stands, and keeps it while datagrams flow.
   * @throws DeliveryError, or the reason of `signal` when that comes first
   */
  connect(peer: Address, signal?: AbortSignal): Promise<void>
  /** Sends one datagram over the link to `peer`; false when there is none or it is full. */
  datagram(peer: Address, body: Uint8Array): boolean
  set onDatagram(handler: (peer: Address, body: Uint8Array) => void)
  /** A link went down; there may be another later. */
  onUnlinked(handler: (peer: Address) => void): void
}
