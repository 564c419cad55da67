/** The measurements of `make bench-condor`, one per function; the caller owns the lab. */

import { setTimeout as sleep } from 'node:timers/promises'
import { RENEW_PERIOD_MS } from '../../agent/condor/constants.ts'
import { PoolHost, type PoolLab, settled, traffic } from '../../lab/condor-pool.ts'
import { until } from '../../lab/until.ts'

/** Machines send more about themselves for half a minute after they join; after that they are idle, ms. */
const SETTLING_MS = 40_000
const IDLE_MS = 120_000
const PATIENCE_MS = 180_000

/** Time that three hosts take from nothing to one pool, and to a finished job, ms. */
export async function measureAssembly(hosts: readonly PoolHost[]): Promise<{ poolMs: number; jobMs: number }> {
  const since = performance.now()
  await Promise.all(hosts.map((host) => host.join()))
  await settled(hosts)
  const poolMs = performance.now() - since
  const [first, second] = hosts
  if (first === undefined || second === undefined) throw new RangeError('too few hosts')
  const job = await first.submit({ script: 'hostname', requirements: `Machine == "${second.hostname}"` })
  await job.output()
  return { poolMs, jobMs: performance.now() - since }
}

/** Time from the address on the tap until the manager shows the slot, ms. */
export async function measureJoin(
  pool: PoolLab,
  label: string,
  manager: PoolHost,
): Promise<{ host: PoolHost; ms: number }> {
  const host = await PoolHost.create(pool, label)
  await host.join()
  const since = performance.now()
  await until(`${label} is shown`, async () => (await manager.machines()).includes(host.hostname), PATIENCE_MS)
  const ms = performance.now() - since
  await host.joined()
  return { host, ms }
}

/** Time from the manager's power cut until another shows all remaining slots, ms; the old one is back afterwards. */
export async function measureLoss(hosts: readonly PoolHost[]): Promise<number> {
  const manager = await settled(hosts)
  // The manager dies at a random point of its renewal period.
  await sleep(RENEW_PERIOD_MS * Math.random())
  const since = performance.now()
  await manager.host.machine.cutPower()
  await settled(hosts.filter((host) => host !== manager))
  const ms = performance.now() - since
  await manager.host.machine.powerOn()
  await manager.join()
  await settled(hosts)
  return ms
}

export interface IdleTraffic {
  /** One host's traffic, both ways, bytes per second: all of it on the uplink, HTCondor's on the virtual network. */
  readonly uplink: number
  readonly tap: number
}

export async function measureIdle(hosts: readonly PoolHost[]): Promise<IdleTraffic[]> {
  await sleep(SETTLING_MS)
  const count = () => Promise.all(hosts.map(async (host) => [await traffic(host, 'eth0'), await traffic(host, 'wow0')]))
  const before = await count()
  const since = performance.now()
  await sleep(IDLE_MS)
  const after = await count()
  const seconds = (performance.now() - since) / 1000
  const rate = (host: number, device: 0 | 1) => ((after[host]?.[device] ?? 0) - (before[host]?.[device] ?? 0)) / seconds
  return hosts.map((_, index) => ({ uplink: rate(index, 0), tap: rate(index, 1) }))
}
