/** Links that layers above need for their datagrams. `LinkUpkeep` closes idle ones. */

import type { Clock } from '../core/clock.ts'
import { encode } from '../core/codec.ts'
import { unlessAborted } from '../core/deadline.ts'
import type { Address } from './address.ts'
import type { Connector } from './connector.ts'
import type { Contact } from './link.ts'
import { frameCodec } from './messages.ts'
import { DeliveryError } from './overlay.ts'
import type { Peers } from './peers.ts'
import type { StatusExchange } from './status-exchange.ts'

export interface OnDemandParts {
  readonly self: Address
  readonly peers: Peers
  readonly connector: Connector
  readonly statuses: StatusExchange
  readonly clock: Clock
}

export class OnDemandLinks {
  readonly #parts: OnDemandParts

  constructor(parts: OnDemandParts) {
    this.#parts = parts
  }

  /** See `Overlay.connect`. */
  async connect(peer: Address, signal?: AbortSignal, known?: Contact): Promise<void> {
    const { self, peers, connector, statuses, clock } = this.#parts
    if (peer === self) throw new DeliveryError('no-route', 'a node needs no link to itself')
    if (!peers.has(peer)) await unlessAborted(connector.connect(peer, undefined, known), signal)
    const linked = peers.get(peer)
    if (linked === undefined) throw new DeliveryError('no-answer', 'the link closed at once')
    linked.roles.add('on-demand')
    linked.usedAt = clock.now()
    statuses.spread()
  }

  /** See `Overlay.datagram`. */
  datagram(peer: Address, body: Uint8Array): boolean {
    const linked = this.#parts.peers.get(peer)
    if (linked === undefined) return false
    linked.usedAt = this.#parts.clock.now()
    return linked.link.send(encode(frameCodec, { kind: 'datagram', body }), 'bulk')
  }
}
