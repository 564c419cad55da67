/** Rings over UDP in virtual time: the agent's own link layer on the simulator's networks, with their NATs. */

import { Counters } from '../agent/core/counters.ts'
import { SEED_BYTES } from '../agent/core/ed25519.ts'
import type { Address } from '../agent/overlay/address.ts'
import { Ring } from '../agent/overlay/ring.ts'
import { DialRules } from '../agent/transport/dial-rules.ts'
import { HiddenAddresses } from '../agent/transport/endpoints.ts'
import { identityFromSeed } from '../agent/transport/identity.ts'
import { UdpLinks } from '../agent/transport/udp/links.ts'
import { KeepAlive } from '../agent/underlay/keep-alive.ts'
import type { SimHost, SimNat } from './datagram-host.ts'
import { DatagramNetwork } from './datagram-network.ts'
import { SeededRandom } from './seeded-random.ts'
import { VirtualClock } from './virtual-clock.ts'
import { brokenNodes } from './wholeness.ts'

const RING_KEY = new Uint8Array(32).fill(7)

export interface UdpNode {
  readonly address: Address
  readonly ring: Ring
  readonly links: UdpLinks
  readonly silence: KeepAlive
  readonly host: SimHost
}

export class UdpRing {
  readonly clock = new VirtualClock()
  readonly random: SeededRandom
  readonly network: DatagramNetwork
  readonly nodes = new Map<Address, UdpNode>()

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
    this.network = new DatagramNetwork(this.clock, this.random.fork())
  }

  /** Starts a node that knows the given ones, on the Internet or behind `nat`. */
  async join(bootstraps: readonly UdpNode[], nat?: SimNat): Promise<UdpNode> {
    const { clock } = this
    const random = this.random.fork()
    const identity = await identityFromSeed(random.bytes(SEED_BYTES))
    const host = this.network.host(nat)
    const socket = host.socket()
    const world = { clock, random, drops: new Counters() }
    const rules = new DialRules({ hidden: new HiddenAddresses([], () => clock.now()), listening: () => [], clock })
    const silence = new KeepAlive({ clock, random: random.fork(), openSocket: async () => host.socket() })
    const links = new UdpLinks({
      ...{ ...world, rules, silence },
      ...{ identity, socket, opener: host.opener, ringKey: RING_KEY, listening: () => [socket.endpoint], announce: [] },
    })
    const onFault = (error: unknown) => {
      throw error
    }
    const ring = new Ring({ links, clock, random, onFault })
    const node: UdpNode = { address: identity.address, ring, links, silence, host }
    this.nodes.set(node.address, node)
    ring.start()
    void ring.bootstrap(bootstraps.flatMap(({ links }) => links.endpoints()))
    return node
  }

  /** The node loses its power: nobody is told. */
  powerOff({ address, ring, host }: UdpNode): void {
    host.udpBlocked = true
    this.nodes.delete(address)
    void ring.stop()
  }

  isWhole(): boolean {
    return brokenNodes(this.nodes).length === 0
  }
}
