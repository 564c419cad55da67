/** Nodes with sessions on a `VirtualNet`. */

import { keyPairOf } from '../../agent/core/ed25519.ts'
import { type Address, addressOfPublicKey } from '../../agent/overlay/address.ts'
import type { UdpEndpoint } from '../../agent/underlay/datagrams.ts'
import { type PayloadKind, type Session, Sessions } from '../../agent/underlay/sessions.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { VirtualNet, type VirtualSocket } from './virtual-net.ts'

export interface Node {
  readonly address: Address
  readonly endpoint: UdpEndpoint
  readonly socket: VirtualSocket
  readonly sessions: Sessions
  /** Sessions that others opened. */
  readonly opened: Session[]
}

export interface NodeParts {
  readonly ringKey?: Uint8Array
  readonly renewal?: { afterMs: number; afterRecords: number }
  /** Two nodes of one seed have one identity. */
  readonly seed?: Uint8Array
  /** Where the node is; otherwise a place of its own. */
  readonly endpoint?: UdpEndpoint
}

export class SessionLab {
  readonly clock = new VirtualClock()
  readonly random: SeededRandom
  readonly net: VirtualNet
  #nodes = 0

  constructor(seed = 1) {
    this.random = new SeededRandom(seed)
    this.net = new VirtualNet(this.clock, this.random.fork())
  }

  node({ ringKey, renewal, seed = this.random.bytes(32), endpoint: given }: NodeParts = {}): Node {
    const endpoint = given ?? (`10.0.0.${++this.#nodes}:4000` as UdpEndpoint)
    const identity = keyPairOf(seed)
    const socket = this.net.socket(endpoint)
    const { clock } = this
    const sessions = new Sessions({ socket, identity, ringKey, clock, random: this.random.fork(), renewal })
    const opened: Session[] = []
    sessions.onSession = (session) => opened.push(session)
    return { address: addressOfPublicKey(identity.publicKey), endpoint, socket, sessions, opened }
  }

  /** Two nodes, the one with the smaller address first. */
  pair(parts: NodeParts = {}): [Node, Node] {
    const nodes: [Node, Node] = [this.node(parts), this.node(parts)]
    return nodes[0].address < nodes[1].address ? nodes : [nodes[1], nodes[0]]
  }

  /** A session between two nodes, seen from both ends. */
  async session(from: Node, to: Node): Promise<[Session, Session]> {
    const session = await this.clock.complete(from.sessions.connect(to.endpoint, to.address))
    return [session, to.opened.at(-1)!]
  }
}

/** Collects what arrives on a session. */
export function inbox(session: Session): { kind: PayloadKind; payload: Uint8Array }[] {
  const got: { kind: PayloadKind; payload: Uint8Array }[] = []
  session.onPayload = (kind, payload) => got.push({ kind, payload })
  return got
}
