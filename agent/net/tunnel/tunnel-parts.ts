/** What a tunnel is made of, and whom it tells. */

import type { Clock } from '../../core/clock.ts'
import type { Counters } from '../../core/counters.ts'
import type { Random } from '../../core/random.ts'
import type { NamespaceKeys } from '../../namespace/keys.ts'
import type { Address } from '../../overlay/address.ts'
import type { FastPath } from '../lane/fast-path.ts'
import type { Carrier } from './carrier.ts'

export interface TunnelParts {
  readonly self: Address
  readonly keys: NamespaceKeys
  readonly tag: Uint8Array
  readonly carrier: Carrier
  readonly clock: Clock
  readonly random: Random
  readonly counters: Counters
  /** undefined: all packets take the carrier. */
  readonly fast: FastPath | undefined
  /** The longest packet of the tap, bytes. */
  readonly mtu: number
  /** The peer cannot be reached now, or failed to prove membership. */
  readonly onUnreachable: (peer: Address) => void
  /** A packet came on the lane, valid during the call. */
  readonly onPacket: (peer: Address, packet: Uint8Array) => void
  /** Packets take another lane, or none. */
  readonly onLane: () => void
}
