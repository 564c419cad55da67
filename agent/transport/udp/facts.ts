/** What a node knows of its own place in the network, for people. */

import type { UdpEndpoint } from '../../underlay/datagrams.ts'
import type { NatMapping } from './outer-endpoints.ts'

/** A UDP socket. */
export interface SocketFacts {
  readonly at: UdpEndpoint
  /** Whether the kernel joins datagrams that came together (UDP_GRO), and cuts long ones into datagrams (UDP_SEGMENT). */
  readonly gro: boolean
  readonly gso: boolean
}

export interface PlaceFacts {
  readonly mapping: NatMapping
  /** Where others see the node that it does not listen, the one that most name first. */
  readonly outer: readonly UdpEndpoint[]
  /** After how long a silence something is said on a link that is no neighbour's, ms; whether that was measured. */
  readonly keepAliveMs: number
  readonly isKeepAliveMeasured: boolean
  readonly sockets: readonly SocketFacts[]
}
