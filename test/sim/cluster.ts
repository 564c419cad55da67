/** The cluster that most DHT tests start with. */

import assert from 'node:assert/strict'
import { SimCluster } from '../../sim/sim-cluster.ts'

/** Hosts that joined one after another; the ring is whole, and every host does its share of the DHT. */
export async function clusterOf(size: number, seed: number, options?: { leaseMs: number }): Promise<SimCluster> {
  const sim = new SimCluster(seed, options)
  for (let i = 0; i < size; i++) {
    sim.boot()
    await sim.clock.runFor(100)
  }
  const ready = () => sim.isWhole() && sim.hosts().every(({ dht }) => dht.ready)
  assert.ok(await sim.clock.runUntilTrue(ready, 15_000), 'the cluster becomes whole')
  return sim
}
