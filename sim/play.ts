/** Plays a story: starts a cluster, lets the faults strike, and checks the promises (docs/guarantees.md) throughout. */

import { Invariants } from './invariants.ts'
import { Outages } from './outages.ts'
import type { RingNetwork } from './ring-network.ts'
import { SimCluster } from './sim-cluster.ts'
import { SimNetwork } from './sim-network.ts'
import { Stage } from './stage.ts'
import type { Ending, Story } from './story.ts'
import { UdpNetwork } from './udp-network.ts'

/** The ring is whole within this time after the last fault, ms. */
export const WHOLE_WITHIN_MS = 30_000
/** Every host has a lease within this time after the ring has settled, ms. */
const LEASED_WITHIN_MS = 60_000

export async function play(story: Story): Promise<Ending> {
  const amongLiars = story.liars !== undefined
  // Among liars the pool is small, so that hosts often claim an address that another one holds.
  const cluster = new SimCluster<RingNetwork>(story.seed, {
    pool: amongLiars ? '10.9.0.0/25' : '10.9.0.0/22',
    leaseMs: story.leaseMs,
    shared: amongLiars,
    network: (clock, random) =>
      story.over === 'udp' ? new UdpNetwork(clock, random, amongLiars) : new SimNetwork(clock, random),
  })
  const outages = new Outages(cluster)
  const stage = new Stage(cluster, story, outages)
  const invariants = new Invariants(cluster, outages, amongLiars)
  await stage.begin(invariants)
  for (const { afterMs, fault } of story.steps) {
    await stage.pass(afterMs, invariants)
    stage.strike(fault, invariants)
  }
  await stage.calm(invariants)
  const lastFault = cluster.clock.now()
  // The ring may close around a liar.
  const isWhole = () => (amongLiars ? cluster.hosts().every(({ ring }) => ring.correctlyConnected) : cluster.isWhole())
  const whole = await cluster.clock.runUntilTrue(isWhole, WHOLE_WITHIN_MS)
  const wholeAfterMs = cluster.clock.now() - lastFault
  if (!whole) invariants.violate('P6', `the ring is not whole ${WHOLE_WITHIN_MS} ms after the last fault`)
  await invariants.finish(LEASED_WITHIN_MS)
  return {
    violations: invariants.violations,
    unkept: [...invariants.unkept],
    hosts: cluster.nodes.size,
    wholeAfterMs,
    virtualMs: cluster.clock.now(),
    frames: cluster.network.frames,
    framesDigest: cluster.network.framesDigest(),
  }
}
