/** Measures a large ring in virtual time: the agent's own code, a seed, no wall clock. */

import { EMPTY } from '../../agent/core/bytes.ts'
import type { Ip4 } from '../../agent/core/ip.ts'
import { addressFromBytes } from '../../agent/overlay/address.ts'
import { SERVICES } from '../../agent/overlay/overlay.ts'
import { SimCluster } from '../../sim/sim-cluster.ts'
import { SimRing } from '../../sim/sim-ring.ts'
import { mean } from './quantiles.ts'

/** Nodes that join per second of virtual time. */
const JOINS_PER_SECOND = 100
/** A ring has all its far links after this time, ms. */
const SETTLE_MS = 60_000
const WHOLE_WITHIN_MS = 120_000
const LOOK_EVERY_MS = 100
const IDLE_MS = 60_000
const QUESTIONS = 400
const FUNERALS = 10
/** Bytes that a frame adds on the wire: TCP/IP 52, Noise 18, Yamux 12, our length prefix 4. */
export const FRAME_OVERHEAD = 86

export interface Idle {
  /** Sent by one node, bytes per second: the frames alone, and with what carries them. */
  readonly payloadBps: number
  readonly wireBps: number
  /** Links of one node, in the mean and of the node that has most. */
  readonly links: number
  readonly mostLinks: number
}

export interface Routed {
  readonly hops: readonly number[]
  readonly idle: Idle
  /** Time from a node's power cut until its neighbours have dropped it, ms. */
  readonly noticedMs: readonly number[]
}

async function ringOf(size: number, seed: number, progress: (nodes: number) => void): Promise<SimRing> {
  const sim = new SimRing(seed)
  for (let i = 1; i <= size; i++) {
    sim.join().ring.serve(SERVICES.tunnel, () => EMPTY)
    await sim.clock.runFor(1_000 / JOINS_PER_SECOND)
    if (i % 1_000 === 0) progress(i)
  }
  await whole(sim)
  return sim
}

/** Time until the ring is whole, ms. @throws when it takes longer than `WHOLE_WITHIN_MS` */
export async function whole(sim: SimRing, lookEveryMs = LOOK_EVERY_MS): Promise<number> {
  const since = sim.clock.now()
  if (await sim.clock.runUntilTrue(() => sim.isWhole(), WHOLE_WITHIN_MS, lookEveryMs)) return sim.clock.now() - since
  throw new Error(`${sim.brokenNodes().length} of ${sim.nodes.size} nodes are not correctly connected`)
}

/** Measures a ring at rest: how far requests travel, what idling costs, how soon a death is noticed. */
export async function measureRouting(size: number, seed: number, progress: (nodes: number) => void): Promise<Routed> {
  const sim = await ringOf(size, seed, progress)
  await sim.clock.runFor(SETTLE_MS)
  const idle = await measureIdle(sim, IDLE_MS)
  const hops = await measureHops(sim)
  const noticedMs: number[] = []
  for (let i = 0; i < FUNERALS; i++) noticedMs.push(await measureNoticed(sim))
  return { hops, idle, noticedMs }
}

/** Hops of requests from random nodes to random points. */
export async function measureHops(sim: SimRing): Promise<number[]> {
  const questions = Array.from({ length: QUESTIONS }, () => {
    const target = addressFromBytes(sim.random.bytes(20))
    return sim.anyNode()!.ring.request(SERVICES.tunnel, target, EMPTY)
  })
  return (await sim.clock.complete(Promise.all(questions))).map(({ hops }) => hops)
}

export async function measureIdle(sim: SimRing, forMs: number): Promise<Idle> {
  const { frames, bytes } = sim.network
  await sim.clock.runFor(forMs)
  const perSecond = sim.nodes.size * (forMs / 1_000)
  const payloadBps = (sim.network.bytes - bytes) / perSecond
  const links = [...sim.nodes.values()].map(({ ring }) => ring.status().links.length)
  return {
    payloadBps,
    wireBps: payloadBps + ((sim.network.frames - frames) * FRAME_OVERHEAD) / perSecond,
    links: mean(links),
    mostLinks: links.reduce((most, count) => Math.max(most, count), 0),
  }
}

async function measureNoticed(sim: SimRing): Promise<number> {
  const dead = sim.anyNode()!
  const sides = (['left', 'right'] as const).map((side) => sim.nodes.get(dead.ring.neighbor(side)!)!)
  const since = sim.clock.now()
  sim.powerOff(dead)
  const dropped = () =>
    sides.every(({ ring }) => ring.neighbor('left') !== dead.address && ring.neighbor('right') !== dead.address)
  await sim.clock.runUntilTrue(dropped, WHOLE_WITHIN_MS)
  return sim.clock.now() - since
}

/** Time from a power cut of a tenth of the nodes at once until the ring is whole, ms. */
export async function measureTenthDies(size: number, seed: number): Promise<number> {
  const sim = await ringOf(size, seed, () => {})
  await sim.clock.runFor(SETTLE_MS)
  for (let i = 0; i < size / 10; i++) sim.powerOff(sim.anyNode()!)
  return whole(sim)
}

/** Time from the end of a partition into two random halves, which lasts `partedMs`, until the ring is whole, ms. */
export async function measureHeal(size: number, seed: number, partedMs: number): Promise<number> {
  const sim = await ringOf(size, seed, () => {})
  await sim.clock.runFor(SETTLE_MS)
  const half = new Map([...sim.nodes.keys()].map((address) => [address, sim.random.below(2)]))
  sim.network.canTalk = (a, b) => half.get(a) === half.get(b)
  await sim.clock.runFor(partedMs)
  sim.network.canTalk = () => true
  return whole(sim)
}

export interface Storm {
  readonly tried: readonly number[]
  /** Time from the start until each host had its address, ms. */
  readonly leasedMs: readonly number[]
  readonly duplicates: number
}

/** All hosts start at the same moment and know one host that is up; `loss` is the share of frames that are lost. */
export async function measureStorm(size: number, pool: string, loss: number, seed: number): Promise<Storm> {
  const sim = new SimCluster(seed, { pool })
  const first = sim.boot([])
  await sim.clock.runFor(1_000)
  sim.network.weather.loss = loss
  const tried: number[] = []
  const leasedMs: number[] = []
  const since = sim.clock.now()
  const twice = new Set<Ip4>()
  for (let i = 1; i < size; i++) {
    void sim.lease(sim.boot([first.address])).then((lease) => {
      tried.push(lease.tried)
      leasedMs.push(sim.clock.now() - since)
    })
  }
  const done = () => {
    for (const ip of sim.duplicates()) twice.add(ip)
    return tried.length === size - 1
  }
  if (!(await sim.clock.runUntilTrue(done, 20 * 60_000, 1_000))) {
    throw new Error(`${size - 1 - tried.length} of ${size} hosts got no address`)
  }
  return { tried, leasedMs, duplicates: twice.size }
}
