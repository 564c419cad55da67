/** Measures in virtual time how long two rings take to become one, after strangers came and went at every node. */

import { encode } from '../../agent/core/codec.ts'
import { addressFromBytes } from '../../agent/overlay/address.ts'
import { frameCodec } from '../../agent/overlay/messages.ts'
import { endpointOf } from '../../sim/sim-link.ts'
import { type SimNode, SimRing } from '../../sim/sim-ring.ts'

const RING_NODES = 10
const JOIN_PAUSE_MS = 200
const WHOLE_WITHIN_MS = 60_000
/** A stranger's link is open for so long, ms. */
const VISIT_MS = 100
const SETTLE_MS = 1_000
const MEET_WITHIN_MS = 3_600_000
const LOOK_EVERY_MS = 100

export interface Meeting {
  /** Links of strangers that each node had and lost before. */
  readonly closedLinks: number
  /** Nodes of the first ring that were given the address of a node of the second one. */
  readonly given: 'all' | 'one'
  /** Nodes of the second ring. */
  readonly others: number
}

/**
 * The nodes of a ring were given the address of a node that is away. It comes back, at the same place, with a ring of its
 * own. Time until the two rings are one, ms.
 */
export async function measureMeeting({ closedLinks, given, others }: Meeting, seed: number): Promise<number> {
  const sim = new SimRing(seed)
  const away = sim.join([])
  sim.powerOff(away)
  const first = sim.join([])
  await sim.clock.runFor(JOIN_PAUSE_MS)
  for (let i = 1; i < RING_NODES; i++) {
    sim.join(given === 'all' || i === 1 ? [first.address, away.address] : [first.address])
    await sim.clock.runFor(JOIN_PAUSE_MS)
  }
  await whole(sim, seed)
  const ring = [...sim.nodes.values()]
  for (let i = 0; i < closedLinks; i++) await sim.clock.complete(Promise.all(ring.map((node) => visit(sim, node))))
  await sim.clock.runFor(SETTLE_MS)
  const since = await comeBack(sim, away, others)
  if (await sim.clock.runUntilTrue(() => sim.isWhole(), MEET_WITHIN_MS, LOOK_EVERY_MS)) return sim.clock.now() - since
  throw new Error(`seed ${seed}: the two rings have not met within an hour`)
}

/** A stranger links to a node, says that it listens where nobody does, and goes. */
async function visit(sim: SimRing, node: SimNode): Promise<void> {
  const links = sim.network.host(addressFromBytes(sim.random.bytes(20)))
  const link = await links.dialEndpoint(endpointOf(node.address))
  link.send(encode(frameCodec, { kind: 'hello', endpoints: [endpointOf(addressFromBytes(sim.random.bytes(20)))] }))
  await new Promise<void>((resolve) => sim.clock.after(VISIT_MS, resolve))
  link.close()
}

/** The node that was away starts a ring that knows nothing of the first one. Returns when that ring began, ms. */
async function comeBack(sim: SimRing, { address }: SimNode, others: number): Promise<number> {
  const since = sim.clock.now()
  sim.join([], { address })
  for (let i = 1; i < others; i++) {
    sim.join([address])
    await sim.clock.runFor(JOIN_PAUSE_MS)
  }
  return since
}

async function whole(sim: SimRing, seed: number): Promise<void> {
  if (await sim.clock.runUntilTrue(() => sim.isWhole(), WHOLE_WITHIN_MS, LOOK_EVERY_MS)) return
  throw new Error(`seed ${seed}: the first ring is not whole`)
}
