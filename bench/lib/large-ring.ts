/** Measures a ring that is too large to be joined node by node: see `buildRing`. */

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { EMPTY } from '../../agent/core/bytes.ts'
import { SERVICES } from '../../agent/overlay/overlay.ts'
import { buildRing } from './built-ring.ts'
import { type Idle, measureHops, measureIdle } from './ring-experiments.ts'

/**
 * Two rounds of pings, three of statuses and one of self-lookups, ms. The ring is young: some nodes still draw a far link,
 * so this is about an eighth more than what a ring sends that has been at rest for a minute.
 */
const IDLE_MS = 30_000

export interface Large {
  readonly hops: readonly number[]
  readonly idle: Idle
  /** What the simulator keeps for one node: the agent's ring, both ends of its links, and what is on the way. */
  readonly heapBytesPerNode: number
  /** The same with the engine's own overhead and what it has not given back. */
  readonly rssBytesPerNode: number
  /** CPU time that it took to build the ring, and to measure it, s. */
  readonly buildCpuS: number
  readonly measureCpuS: number
}

export async function measureLarge(size: number, seed: number, progress: (what: string) => void): Promise<Large> {
  const before = memory()
  const startedAt = cpuS()
  const sim = await buildRing(size, seed, progress)
  const builtAt = cpuS()
  const broken = sim.brokenNodes().length
  if (broken > 0) throw new Error(`${broken} of ${size} nodes are not correctly connected`)
  for (const { ring } of sim.nodes.values()) ring.serve(SERVICES.tunnel, () => EMPTY)
  const after = memory()
  progress('the ring is whole')
  const idle = await measureIdle(sim, IDLE_MS)
  progress(`${IDLE_MS / 1_000} s idle`)
  const hops = await measureHops(sim)
  return {
    hops,
    idle,
    heapBytesPerNode: (after.heapUsed - before.heapUsed) / size,
    rssBytesPerNode: (after.rss - before.rss) / size,
    buildCpuS: builtAt - startedAt,
    measureCpuS: cpuS() - builtAt,
  }
}

/** CPU time of this process, s. */
function cpuS(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

/** The memory of this process without garbage. */
function memory(): NodeJS.MemoryUsage {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage()
}
