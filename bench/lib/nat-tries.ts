/**
 * Measures in virtual time how two nodes of a ring over UDP get through their NATs. The code is the agent's; only sockets,
 * lines and NATs are the simulator's.
 */

import { sleep } from '../../agent/core/clock.ts'
import { type Address, formatAddress } from '../../agent/overlay/address.ts'
import type { SimNat } from '../../sim/datagram-host.ts'
import {
  CARRIER_GRADE_NAT,
  FULL_CONE_NAT,
  HOME_NAT,
  type NatBehavior,
  RESTRICTED_CONE_NAT,
  SYMMETRIC_NAT,
} from '../../sim/datagram-nat.ts'
import type { SimNode } from '../../sim/sim-ring.ts'
import { type UdpRing, udpRing } from '../../sim/udp-ring.ts'

/** What a node is behind, from the inside out. */
export const PLACES = {
  open: [],
  'full cone': [FULL_CONE_NAT],
  'address-restricted': [RESTRICTED_CONE_NAT],
  'port-restricted': [HOME_NAT],
  'home in a carrier': [HOME_NAT, CARRIER_GRADE_NAT],
  randomising: [SYMMETRIC_NAT],
} as const satisfies Record<string, readonly NatBehavior[]>

export type Place = keyof typeof PLACES

export interface NatTry {
  /** From the wish for a link to the answer to the first packet, ms. */
  readonly answeredMs: number
  /** From that answer to a direct link, ms; undefined: there was none within `DIRECT_WITHIN_MS`. */
  readonly directMs: number | undefined
}

/** Nodes on the Internet that the two are strangers among. */
const RING_NODES = 24
const WHOLE_WITHIN_MS = 60_000
const ANSWER_WITHIN_MS = 15_000
const DIRECT_WITHIN_MS = 15_000
const LOOK_EVERY_MS = 5
/** Pairs that are tried at the same time. */
const PAIRS = 10
const PAYLOAD = Uint8Array.of(1)

export class NatTries {
  readonly #sim: UdpRing
  #gate: SimNode | undefined

  constructor(seed: number) {
    this.#sim = udpRing(seed)
    this.#sim.network.weather.loss = 0.01
  }

  /**
   * Pairs of new nodes join, and when all have their place one of each wants to talk to the other. Pairs that the ring had
   * linked by then are left out.
   */
  async measure(from: Place, to: Place): Promise<NatTry[]> {
    const gate = await this.#ring()
    const pairs: (readonly [SimNode, SimNode])[] = []
    while (pairs.length < PAIRS) pairs.push([this.#join(gate, from), this.#join(gate, to)])
    const nodes = pairs.flat()
    await this.#settle(nodes)
    const strangers = pairs.filter(([a, b]) => linkOf(a, b.address) === undefined)
    const results = await this.#sim.clock.complete(Promise.all(strangers.map(([a, b]) => this.#talk(a, b))), 60_000)
    for (const node of nodes) await this.#leave(node)
    await this.#whole()
    return results
  }

  async #ring(): Promise<SimNode> {
    if (this.#gate !== undefined) return this.#gate
    this.#gate = this.#sim.join([])
    for (let i = 1; i < RING_NODES; i++) this.#sim.join([this.#gate.address])
    await this.#whole()
    return this.#gate
  }

  #join(gate: SimNode, place: Place): SimNode {
    let nat: SimNat | undefined
    for (const behavior of [...PLACES[place]].reverse()) nat = this.#sim.network.datagrams.nat(behavior, nat)
    return this.#sim.join([gate.address], { behind: nat })
  }

  async #settle(nodes: readonly SimNode[]): Promise<void> {
    const areIn = () => nodes.every(({ ring }) => ring.correctlyConnected)
    if (!(await this.#sim.clock.runUntilTrue(areIn, WHOLE_WITHIN_MS))) throw new Error('a node found no place')
    await this.#sim.clock.runFor(10_000)
  }

  async #talk(a: SimNode, b: SimNode): Promise<NatTry> {
    const { clock } = this.#sim
    let answered = false
    b.ring.onDatagram = (peer, body) => void b.ring.datagram(peer, body)
    a.ring.onDatagram = () => {
      answered = true
    }
    const since = clock.now()
    await a.ring.connect(b.address)
    a.ring.datagram(b.address, PAYLOAD)
    if (!(await this.#becomes(() => answered, ANSWER_WITHIN_MS))) {
      throw new Error(`${formatAddress(a.address)} gets no answer`)
    }
    const answeredAt = clock.now()
    const direct = await this.#becomes(() => linkOf(a, b.address)?.relayed === false, DIRECT_WITHIN_MS)
    return { answeredMs: answeredAt - since, directMs: direct ? clock.now() - answeredAt : undefined }
  }

  async #becomes(condition: () => boolean, limitMs: number): Promise<boolean> {
    const { clock } = this.#sim
    for (const end = clock.now() + limitMs; !condition(); ) {
      if (clock.now() >= end) return false
      await sleep(clock, LOOK_EVERY_MS)
    }
    return true
  }

  async #leave(node: SimNode): Promise<void> {
    this.#sim.nodes.delete(node.address)
    await this.#sim.clock.complete(node.ring.stop())
  }

  async #whole(): Promise<void> {
    const { clock } = this.#sim
    if (!(await clock.runUntilTrue(() => this.#sim.isWhole(), WHOLE_WITHIN_MS)))
      throw new Error('the ring is not whole')
  }
}

function linkOf(node: SimNode, peer: Address) {
  return node.ring.status().links.find((link) => link.peer === peer)
}
