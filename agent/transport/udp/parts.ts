/** What a link layer over UDP needs of its surroundings. */

import type { Clock } from '../../core/clock.ts'
import type { Counters } from '../../core/counters.ts'
import type { Random } from '../../core/random.ts'
import type { GateKeys } from '../../native/lanes.ts'
import type { DatagramSocket, UdpEndpoint } from '../../underlay/datagrams.ts'
import type { KeepAlive } from '../../underlay/keep-alive.ts'
import type { DialRules } from '../dial-rules.ts'
import type { Identity } from '../identity.ts'
import type { SocketFacts } from './facts.ts'
import type { SideOpener } from './hard-nats.ts'

export interface UdpLinksParts {
  readonly identity: Identity
  readonly socket: DatagramSocket
  /** Opens sockets beside that one, over IPv4. */
  readonly opener: SideOpener
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
  /** Has first messages looked at before they come to the sessions; undefined: nobody does. */
  readonly setGate?: ((keys: GateKeys) => void) | undefined
  /** Measures for how long links may be silent; undefined: nobody does. */
  readonly silence?: KeepAlive
  /** This node's sockets, for people. */
  readonly sockets?: readonly SocketFacts[]
}
