/** Plays a story: a cluster, a list of faults, and the promises (docs/guarantees.md) watched all the while. */

import { Invariants } from './invariants.ts'
import { Outages } from './outages.ts'
import { SimCluster } from './sim-cluster.ts'
import { Stage } from './stage.ts'
import type { Ending, Story } from './story.ts'

/** After the last fault: the ring is whole, every address has one owner, every host a lease and every lease is found. */
export const WHOLE_WITHIN_MS = 30_000
const LEASED_WITHIN_MS = 60_000

export async function play(story: Story): Promise<Ending> {
  const cluster = new SimCluster(story.seed, { pool: '10.9.0.0/22', leaseMs: story.leaseMs })
  const outages = new Outages(cluster)
  const stage = new Stage(cluster, story, outages)
  const invariants = new Invariants(cluster, outages)
  await stage.begin(invariants)
  for (const { afterMs, fault } of story.steps) {
    await stage.pass(afterMs, invariants)
    stage.strike(fault, invariants)
  }
  await stage.calm(invariants)
  const lastFault = cluster.clock.now()
  const whole = await cluster.clock.runUntilTrue(() => cluster.isWhole(), WHOLE_WITHIN_MS)
  const wholeAfterMs = cluster.clock.now() - lastFault
  if (!whole) invariants.violate(`the ring is not whole ${WHOLE_WITHIN_MS} ms after the last fault`)
  await invariants.finish(LEASED_WITHIN_MS)
  return {
    violations: invariants.violations,
    hosts: cluster.nodes.size,
    wholeAfterMs,
    virtualMs: cluster.clock.now(),
    frames: cluster.network.frames,
    framesDigest: cluster.network.framesDigest(),
  }
}
