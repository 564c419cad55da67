/**
 * `make bench-ring`: what is asked of large rings, in virtual time.
 *
 *   SIZES=100,1000,10000 npx tsx scripts/bench-ring.ts
 *
 * The agent's own ring, DHT and leases run in the simulator (scripts/sim). Writes bench/results/ring.json and ring.svg,
 * and prints a table; the same seeds give the same figures on every machine.
 */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { InputError } from '../agent/core/errors.ts'
import { writeWhole } from '../agent/core/files.ts'
import { wantedFarLinks } from '../agent/overlay/far-links.ts'
import { inRoot } from './appliance/paths.ts'
import { cdfPlot } from './bench/cdf-plot.ts'
import { quantile, summarize } from './bench/quantiles.ts'
import {
  FRAME_OVERHEAD,
  measureHeal,
  measureRouting,
  measureStorm,
  measureTenthDies,
  type Routed,
} from './bench/ring-experiments.ts'
import { atMost, rounded, TARGET_HEADER, type Target, targetRow, under } from './bench/targets.ts'
import { run } from './lib/main.ts'
import { say, sinceStart, step } from './lib/steps.ts'
import { columns } from './lib/table.ts'

const SEED = 1
const FAULT_SEEDS = [1, 2, 3, 4, 5]
const MIDDLE = 1_000
const PARTED_MS = 60_000
const STORM = { hosts: 1_000, pool: '10.9.0.0/21', loss: 0.1 }

await run(async () => {
  const sizes = (process.env.SIZES || '100,1000,10000').split(',').map(Number)
  if (sizes.some((size) => !Number.isInteger(size) || size < 10 || size > 20_000)) {
    throw new InputError(
      'SIZES_INVALID',
      `SIZES=${process.env.SIZES} is no list of sizes.`,
      'Give some of 10 to 20000.',
    )
  }
  const routed = new Map<number, Routed>()
  for (const size of sizes) {
    const progress = (nodes: number) => say(`    ${nodes} nodes`)
    routed.set(size, await step(`a ring of ${size} nodes`, () => measureRouting(size, SEED, progress)))
  }
  const closedMs = await step('a tenth of 1,000 nodes dies', () => eachSeed((seed) => measureTenthDies(MIDDLE, seed)))
  const healedMs = await step('two halves of 1,000 nodes are parted and meet', () =>
    eachSeed((seed) => measureHeal(MIDDLE, seed, PARTED_MS)),
  )
  const storm = await step('1,000 hosts start at once, one frame in ten is lost', () =>
    measureStorm(STORM.hosts, STORM.pool, STORM.loss, SEED),
  )
  const tried = mean(storm.tried)
  const targets: Target[] = [
    ...[...routed].map(([size, { hops }]) =>
      atMost(`mean hops, ${size} nodes`, '', 0.5 * Math.log2(size) + 1, mean(hops)),
    ),
    ...[...routed].map(([size, { idle }]) => under(`sent by an idle node of ${size}`, 'B/s', 2_048, idle.wireBps)),
    ...[...routed].map(([size, { noticedMs }]) =>
      atMost(`death of a neighbour noticed, ${size} nodes, worst`, 'ms', 2_500, quantile(noticedMs, 1)),
    ),
    atMost('closed again after a tenth died, worst', 'ms', 5_000, quantile(closedMs, 1)),
    atMost('one again after a partition, worst', 'ms', 15_000, quantile(healedMs, 1)),
    atMost('addresses with two owners in the storm', '', 0, storm.duplicates),
    under('addresses tried in the storm, mean', '', 1.3, tried),
  ]
  const rings = [...routed].map(([size, { hops, idle, noticedMs }]) => {
    const farLinks = wantedFarLinks(size)
    const paperBound = Math.log2(size) ** 2 / farLinks
    return {
      size,
      farLinks,
      meanHops: mean(hops),
      hops: summarize(hops),
      paperBound,
      idle,
      noticedMs: summarize(noticedMs),
    }
  })
  const result = {
    node: process.version,
    seed: SEED,
    frameOverheadBytes: FRAME_OVERHEAD,
    targets,
    rings,
    closedMs,
    healedMs,
    storm: { ...STORM, duplicates: storm.duplicates, triedMean: tried, leasedMs: summarize(storm.leasedMs) },
  }
  const folder = inRoot('bench', 'results')
  mkdirSync(folder, { recursive: true })
  const whole = (_key: string, value: unknown) => (typeof value === 'number' ? rounded(value) : value)
  writeWhole(join(folder, 'ring.json'), `${JSON.stringify(result, whole, 2)}\n`, 0o644)
  writeWhole(join(folder, 'ring.svg'), plot([...routed], storm.leasedMs), 0o644)
  const header = ['NODES', 'FAR LINKS', 'MEAN HOPS', 'P90', 'PAPER: LOG²(N)/K', 'LINKS', 'B/S SENT']
  const rows = rings.map(({ size, farLinks, meanHops, hops, paperBound, idle }) =>
    [size, farLinks, meanHops, hops.p90, paperBound, idle.links, idle.wireBps].map((value) => String(rounded(value))),
  )
  process.stdout.write(`\n${columns(header, rows)}\n\n${columns(TARGET_HEADER, targets.map(targetRow))}\n\n`)
  say(`bench/results/ring.json and ring.svg written after ${sinceStart()}.`)
})

async function eachSeed(measure: (seed: number) => Promise<number>): Promise<number[]> {
  const values: number[] = []
  for (const seed of FAULT_SEEDS) values.push(await measure(seed))
  return values
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function plot(routed: readonly [number, Routed][], leasedMs: readonly number[]): string {
  const rings = routed.map(([size, { hops }]) => {
    const bound = 0.5 * Math.log2(size) + 1
    return {
      title: `hops of a request, ${size} nodes`,
      values: hops,
      unit: 'hops',
      target: { at: bound, label: 'mean below' },
    }
  })
  return cdfPlot('the ring in virtual time', [
    ...rings,
    { title: 'start to address: 1,000 hosts at once, 10 % loss', values: leasedMs },
  ])
}
