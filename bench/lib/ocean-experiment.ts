/** Measures in virtual time how creates fare in a ring across an ocean. */

import { sha256, utf8 } from '../../agent/core/bytes.ts'
import { settledCluster } from './settled-cluster.ts'

/** A line that takes 300 ms one way and loses one frame in fifty. */
export const OCEAN = { minDelayMs: 290, maxDelayMs: 310, loss: 0.02 }
/** The hosts learn how long answers take, ms. */
const SETTLE_MS = 60_000
const TTL_MS = 600_000
const COMPLETE_WITHIN_MS = 300_000

export interface Created {
  readonly won: boolean
  readonly tookMs: number
}

/** A ring forms on good lines, then the ocean lies between all hosts. One host after the other creates an entry. */
export async function measureCreates(hosts: number, creates: number, seed: number): Promise<Created[]> {
  const sim = await settledCluster(hosts, seed)
  Object.assign(sim.network.weather, OCEAN)
  await sim.clock.runFor(SETTLE_MS)
  const created: Created[] = []
  for (let i = 0; i < creates; i++) {
    const { dht } = sim.hosts()[sim.random.below(hosts)]!
    const since = sim.clock.now()
    const creating = dht.create(sha256(utf8(`key ${i}`)), utf8('password'), utf8('value'), TTL_MS)
    const { won } = await sim.clock.complete(creating, COMPLETE_WITHIN_MS)
    created.push({ won, tookMs: sim.clock.now() - since })
  }
  return created
}
