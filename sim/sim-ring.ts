/** Whole rings in virtual time: nodes join, crash and leave, and the ring can be checked for wholeness. */

import type { Address } from '../agent/overlay/address.ts'
import { addressFromBytes } from '../agent/overlay/address.ts'
import { nearest } from '../agent/overlay/neighborhood.ts'
import { Ring } from '../agent/overlay/ring.ts'
import { BentLinks } from './bent-links.ts'
import { Liar, type Lie } from './liar.ts'
import type { NatKind } from './nat.ts'
import { type Hold, NodeClock } from './node-clock.ts'
import { SeededRandom } from './seeded-random.ts'
import { endpointOf } from './sim-link.ts'
import { type SimLinks, SimNetwork } from './sim-network.ts'
import { VirtualClock } from './virtual-clock.ts'
import { brokenNodes } from './wholeness.ts'

export interface SimNode {
  readonly address: Address
  readonly ring: Ring
  readonly random: SeededRandom
  readonly clock: NodeClock
  readonly links: SimLinks
  /** How it lies; undefined: it is honest. */
  readonly lies: ReadonlySet<Lie> | undefined
}

export interface NodeOptions {
  readonly nat?: NatKind
  /** Seconds on the node's clock per second of the world. */
  readonly clockRate?: number
  /** The identity of a former run; by default a new one. */
  readonly address?: Address
  /** The node lies in these ways. */
  readonly lies?: ReadonlySet<Lie>
}

export class SimRing {
  readonly clock: VirtualClock
  readonly random: SeededRandom
  readonly network: SimNetwork
  readonly nodes = new Map<Address, SimNode>()

  constructor(seed: number, clock = new VirtualClock()) {
    this.clock = clock
    this.random = new SeededRandom(seed)
    this.network = new SimNetwork(this.clock, this.random.fork())
  }

  /** Starts a node that knows `bootstraps`; by default a few random members of the ring, as a real node would. */
  join(bootstraps = this.someMembers(3), options: NodeOptions = {}): SimNode {
    const random = this.random.fork()
    const address = options.address ?? addressFromBytes(random.bytes(20))
    const links = this.network.host(address)
    links.nat = options.nat ?? 'open'
    const clock = new NodeClock(this.clock, options.clockRate)
    const fault = (error: unknown) => {
      throw error
    }
    const { lies } = options
    const liar = lies && new Liar({ self: address, random: random.fork(), clock, lies })
    const bent = liar && new BentLinks(links, liar)
    const ring = new Ring({ links: bent ?? links, clock, random, onFault: fault })
    const node: SimNode = { address, ring, random, clock, links, lies }
    this.nodes.set(address, node)
    if (bent !== undefined) liar?.begin(ring, bent)
    ring.start()
    void ring.bootstrap(bootstraps.map(endpointOf))
    return node
  }

  /** Up to `count` random open nodes, perhaps one of them twice; correctly connected nodes if there are any. */
  someMembers(count: number): Address[] {
    const open = [...this.nodes.values()].filter(({ links }) => links.nat === 'open' && !links.held)
    const members = open.filter(({ ring }) => ring.correctlyConnected)
    const picked = (members.length > 0 ? members : open).map(({ address }) => address)
    return Array.from({ length: Math.min(count, picked.length) }, () => picked[this.random.below(picked.length)]!)
  }

  anyNode(): SimNode | undefined {
    const nodes = [...this.nodes.values()]
    return nodes[this.random.below(nodes.length)]
  }

  kill(node: SimNode): void {
    this.network.kill(node.address)
    this.nodes.delete(node.address)
    void node.ring.stop()
  }

  powerOff(node: SimNode): void {
    this.network.powerOff(node.address)
    this.nodes.delete(node.address)
    void node.ring.stop()
  }

  async leave(node: SimNode): Promise<void> {
    this.nodes.delete(node.address)
    await node.ring.stop()
    this.network.powerOff(node.address)
  }

  /** The node gets no time until `resume`; its peers see it go silent. */
  hold({ clock, links }: SimNode, hold: Hold): void {
    clock.hold(hold)
    links.hold()
  }

  resume({ clock, links }: SimNode): void {
    clock.resume()
    links.resume()
  }

  /** Whether every node says that it is correctly connected, and its neighbours are the true ones. */
  isWhole(): boolean {
    return this.brokenNodes().length === 0
  }

  brokenNodes(): SimNode[] {
    return brokenNodes(this.nodes)
  }

  /** The node truly nearest to a point on one side; a node at the point itself does not count. */
  trueSide(point: Address, side: 'left' | 'right'): Address {
    return nearest(point, side, this.nodes.keys(), 1)[0]!
  }
}
