/** The cluster that experiments in virtual time start with. */

import { SimCluster } from '../../sim/sim-cluster.ts'
import type { Weather } from '../../sim/sim-link.ts'

const JOIN_PAUSE_MS = 100
const SETTLED_WITHIN_MS = 120_000

/** Hosts that joined one after another; the ring is whole, and every host does its share of the DHT. */
export async function settledCluster(
  hosts: number,
  seed: number,
  { leaseMs, weather = {} }: { leaseMs?: number; weather?: Partial<Weather> } = {},
): Promise<SimCluster> {
  const sim = new SimCluster(seed, leaseMs === undefined ? {} : { leaseMs })
  Object.assign(sim.network.weather, weather)
  for (let i = 0; i < hosts; i++) {
    sim.boot()
    await sim.clock.runFor(JOIN_PAUSE_MS)
  }
  const settled = () => sim.isWhole() && sim.hosts().every(({ dht }) => dht.ready)
  if (await sim.clock.runUntilTrue(settled, SETTLED_WITHIN_MS)) return sim
  throw new Error(`seed ${seed}: the ring is not whole`)
}
