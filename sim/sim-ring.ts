/** Whole rings in virtual time: nodes join, crash and leave, and the ring can be checked for wholeness. */

import type { Address } from '../agent/overlay/address.ts'
import type { LinkLayer } from '../agent/overlay/link.ts'
import { nearest } from '../agent/overlay/neighborhood.ts'
import { Ring } from '../agent/overlay/ring.ts'
import { BentLinks } from './bent-links.ts'
import type { SimNat } from './datagram-host.ts'
import { Liar, type Lie } from './liar.ts'
import type { NatKind } from './nat.ts'
import { type Hold, NodeClock } from './node-clock.ts'
import type { RingNetwork } from './ring-network.ts'
import { SeededRandom } from './seeded-random.ts'
import { SimNetwork } from './sim-network.ts'
import { VirtualClock } from './virtual-clock.ts'
import { brokenNodes } from './wholeness.ts'

export interface SimNode {
  readonly address: Address
  readonly ring: Ring
  readonly random: SeededRandom
  readonly clock: NodeClock
  readonly links: LinkLayer
  readonly nat: NatKind
  /** How it lies; undefined: it is honest. */
  readonly lies: ReadonlySet<Lie> | undefined
}

export interface NodeOptions {
  readonly nat?: NatKind
  /** See `Run.behind`. */
  readonly behind?: SimNat | undefined
  /** Seconds on the node's clock per second of the world. */
  readonly clockRate?: number
  /** The identity of a former run; by default a new one. */
  readonly address?: Address
  /** The node lies in these ways. */
  readonly lies?: ReadonlySet<Lie>
}

/** Makes what a ring runs on. */
export type MakeNetwork<Network> = (clock: VirtualClock, random: SeededRandom) => Network

/** Over links, unless it is made with another network. */
export class SimRing<Network extends RingNetwork = SimNetwork> {
  readonly clock: VirtualClock
  readonly random: SeededRandom
  readonly network: Network
  readonly nodes = new Map<Address, SimNode>()

  constructor(seed: number, clock = new VirtualClock(), make?: MakeNetwork<Network>) {
    this.clock = clock
    this.random = new SeededRandom(seed)
    const random = this.random.fork()
    // Whoever names no network has the default type.
    this.network = make?.(clock, random) ?? (new SimNetwork(clock, random) as RingNetwork as Network)
  }

  /** Starts a node that knows `bootstraps`; by default a few random members of the ring, as a real node would. */
  join(bootstraps = this.someMembers(3), options: NodeOptions = {}): SimNode {
    const node = this.place(options)
    this.introduce(node, bootstraps)
    return node
  }

  /** Starts a node that answers others, and looks for none before it is introduced to one. */
  place(options: NodeOptions = {}): SimNode {
    const random = this.random.fork()
    const address = options.address ?? this.network.newAddress(random)
    const clock = new NodeClock(this.clock, options.clockRate)
    const { nat = 'open', behind } = options
    const links = this.network.host(address, { nat, behind, clock, random })
    const fault = (error: unknown) => {
      throw error
    }
    const { lies } = options
    const liar = lies && new Liar({ self: address, random: random.fork(), clock, lies })
    const bent = liar && new BentLinks(links, liar)
    const ring = new Ring({ links: bent ?? links, clock, random, onFault: fault })
    const node: SimNode = { address, ring, random, clock, links, nat, lies }
    this.nodes.set(address, node)
    if (bent !== undefined) liar?.begin(ring, bent)
    ring.start()
    return node
  }

  introduce({ ring }: SimNode, bootstraps: readonly Address[]): void {
    void ring.bootstrap(bootstraps.flatMap((known) => this.network.endpointsOf(known)))
  }

  /** Up to `count` random open nodes, perhaps one of them twice; correctly connected nodes if there are any. */
  someMembers(count: number): Address[] {
    const open = [...this.nodes.values()].filter(({ nat, clock }) => nat === 'open' && clock.held === undefined)
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
  hold({ address, clock }: SimNode, how: Hold): void {
    clock.hold(how)
    this.network.hold(address, how)
  }

  resume({ address, clock, ring }: SimNode): void {
    clock.resume()
    // A host that started again meanwhile may be held for reasons of its own.
    if (this.nodes.get(address)?.ring === ring) this.network.resume(address)
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
