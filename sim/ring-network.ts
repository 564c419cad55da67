/**
 * What a ring in virtual time runs on: links that stand by themselves (`SimNetwork`), or sockets, lines and NATs under the
 * agent's own links over UDP (`UdpNetwork`).
 */

import type { Clock } from '../agent/core/clock.ts'
import type { Random } from '../agent/core/random.ts'
import type { Address } from '../agent/overlay/address.ts'
import type { LinkLayer } from '../agent/overlay/link.ts'
import type { SimNat } from './datagram-host.ts'
import type { NatKind } from './nat.ts'
import type { Hold } from './node-clock.ts'
import type { Weather } from './sim-link.ts'

export interface Run {
  readonly nat: NatKind
  /** The very NAT, in place of one of the kind. Links know only kinds. */
  readonly behind?: SimNat | undefined
  /** The node's own. */
  readonly clock: Clock
  readonly random: Random
}

export interface RingNetwork {
  readonly weather: Weather
  /** Whether what the first node sends reaches the second. Asked for each frame or datagram when it arrives. */
  canTalk: (from: Address, to: Address) => boolean
  /** Frames or datagrams that were sent so far, lost ones too. */
  readonly frames: number
  /** SHA-256 over all of them in hex: the same for the same behaviour. */
  framesDigest(): string
  /** The address of a node that was never there before. */
  newAddress(random: Random): Address
  /** The links of a node that starts; one that was there before has its old place. */
  host(address: Address, run: Run): LinkLayer
  /** What other nodes are given to find this one. */
  endpointsOf(address: Address): string[]
  /** The node gets no time until `resume`. */
  hold(address: Address, how: Hold): void
  resume(address: Address): void
  /** The NAT before a node forgets its mappings. */
  rebind(address: Address): void
  /** Power cut: nobody is told, and the node neither receives nor sends. */
  powerOff(address: Address): void
  /** kill -9: the operating system is still there. */
  kill(address: Address): void
}
