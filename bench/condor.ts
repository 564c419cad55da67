/**
 * `make bench-condor`: how fast an HTCondor pool assembles itself, takes in a machine and recovers from its manager's
 * death.
 *
 *   JOINS=8 LOSSES=5 npx tsx bench/condor.ts
 *
 * Real agents, taps and HTCondor run on whole machines in namespaces. Writes bench/results/condor.json (figures beside
 * the targets) and condor.svg (distributions), and prints a table. Nothing stays behind.
 */

import { openPoolLab, PoolHost, type PoolLab, settled } from '../lab/condor-pool.ts'
import { needLab } from '../lab/lab.ts'
import { ROOT_PACKAGES } from '../lab/machine-root.ts'
import { LAB_PACKAGES } from '../lab/packages.ts'
import { ensurePackages } from '../scripts/lib/apt.ts'
import { run } from '../scripts/lib/main.ts'
import { say, step } from '../scripts/lib/progress.ts'
import { columns } from '../scripts/lib/table.ts'
import { cdfPlot } from './lib/cdf-plot.ts'
import { machineFacts, wholeNumber } from './lib/environment.ts'
import { measureAssembly, measureIdle, measureJoin, measureLoss } from './lib/pool-lab.ts'
import { quantile, summarize } from './lib/quantiles.ts'
import { writeResults } from './lib/results.ts'
import { TARGET_HEADER, type Target, targetRow, under } from './lib/targets.ts'

const FIRST = ['one', 'two', 'three']
const JOIN_TARGET_MS = 10_000
const ASSEMBLY_TARGET_MS = 30_000
const LOSS_TARGET_MS = 45_000
const IDLE_TARGET_BYTES = 2_048

await run(async () => {
  const joins = wholeNumber('JOINS', 8, 50)
  const losses = wholeNumber('LOSSES', 5, 50)
  needLab('The benchmark', 'bench-condor')
  await ensurePackages([...LAB_PACKAGES, ...ROOT_PACKAGES])
  const pool = await step('a file system for all machines, a bootstrap node, a namespace', openPoolLab)
  try {
    await bench(pool, joins, losses)
  } finally {
    await step('clean up', async () => pool.lab.close())
  }
})

async function bench(pool: PoolLab, joins: number, losses: number): Promise<void> {
  const when = new Date().toISOString()
  const machine = machineFacts()
  const hosts = await Promise.all(FIRST.map((name) => PoolHost.create(pool, name)))
  const assembly = await step('three machines from nothing to a finished job', () => measureAssembly(hosts))
  const manager = await settled(hosts)
  const idle = await step('two minutes in which nothing happens', () => measureIdle(hosts))
  const lost = await step(`the manager's power is cut, ${losses} times`, async () => {
    const samples: number[] = []
    for (let i = 0; i < losses; i++) samples.push(said(await measureLoss(hosts)))
    return samples
  })
  const joined = await step(`${joins} machines join, one after another`, async () => {
    const samples: number[] = []
    const leader = await settled(hosts)
    for (let i = 1; i <= joins; i++) {
      const { host, ms } = await measureJoin(pool, `join${i}`, leader)
      samples.push(said(ms))
      // One machine at a time: this measures the pool's speed, not that of a crowded processor.
      await host.host.machine.cutPower()
    }
    return samples
  })

  const targets: Target[] = [
    under('address bound to slot visible, p90', 'ms', JOIN_TARGET_MS, quantile(joined, 0.9)),
    under('three machines from nothing to a finished job', 'ms', ASSEMBLY_TARGET_MS, assembly.jobMs),
    under("manager lost to new manager's slots visible, p90", 'ms', LOSS_TARGET_MS, quantile(lost, 0.9)),
    under(
      'idle traffic of a machine: HTCondor, most',
      'B/s',
      IDLE_TARGET_BYTES,
      Math.max(...idle.map(({ tap }) => tap)),
    ),
    under(
      'idle traffic of a machine: all, most',
      'B/s',
      IDLE_TARGET_BYTES,
      Math.max(...idle.map(({ uplink }) => uplink)),
    ),
  ]
  const ancestor = { joinP50S: 30, joinTailS: 509, managerTtlS: 600 }
  const figures = { assembly, joined: summarize(joined), lost: summarize(lost), idle }
  const result = { when, machine, firstManager: manager.name, targets, ancestor, ...figures, samples: { joined, lost } }
  process.stdout.write(`\n${columns(TARGET_HEADER, targets.map(targetRow))}\n\n`)
  writeResults('condor', result, plot(joined, lost))
}

function plot(joined: readonly number[], lost: readonly number[]): string {
  return cdfPlot(`${joined.length} machines join a pool, ${lost.length} managers lose their power, on one machine`, [
    { title: 'address bound to slot visible', values: joined, target: line(JOIN_TARGET_MS) },
    { title: 'manager lost to slots visible', values: lost, target: line(LOSS_TARGET_MS) },
  ])
}

function line(at: number) {
  return { at, label: `target ${at / 1000} s` }
}

function said(ms: number): number {
  say(`    ${(ms / 1000).toFixed(1)} s`)
  return ms
}
