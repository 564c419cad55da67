/**
 * `make bench-ring`: measures large rings in virtual time.
 *
 *   make bench-ring PARTS=routing,repair,storm,large,churn,promises SIZES=100,1000,10000 LARGE=50000 CHURN=10000
 *
 * - routing: rings of SIZES nodes that joined one by one: hops, idle traffic, how soon a death is noticed.
 * - repair: a tenth of the nodes dies; two halves are parted.
 * - storm: many hosts start at once and ask for addresses.
 * - large: a ring of LARGE nodes, built whole: hops, idle traffic, memory.
 * - churn: a ring of CHURN nodes that come and go: where requests end, how soon newcomers have their place.
 * - promises: sleepers, suspended replicas, oceans, two rings that meet, a handover.
 *
 * The agent's own ring, DHT and leases run in the simulator (sim), so the same seeds give the same figures on every
 * machine, but for memory and real time. Each part writes bench/results/ring-PART.json and .svg; a table comes last.
 */

import { readFileSync } from 'node:fs'
import { getHeapStatistics } from 'node:v8'
import { InputError } from '../agent/core/errors.ts'
import { wantedFarLinks } from '../agent/overlay/far-links.ts'
import { run } from '../scripts/lib/main.ts'
import { say, sinceStart, step } from '../scripts/lib/progress.ts'
import { columns } from '../scripts/lib/table.ts'
import { type Curve, cdfPlot } from './lib/cdf-plot.ts'
import { machineFacts, wholeNumber } from './lib/environment.ts'
import { measureLarge } from './lib/large-ring.ts'
import { promises } from './lib/promises-part.ts'
import { mean, quantile, summarize } from './lib/quantiles.ts'
import { writeResults } from './lib/results.ts'
import { measureChurn } from './lib/ring-churn.ts'
import {
  FRAME_OVERHEAD,
  measureHeal,
  measureRouting,
  measureStorm,
  measureTenthDies,
  type Routed,
} from './lib/ring-experiments.ts'
import { atMost, TARGET_HEADER, type Target, targetRow, under } from './lib/targets.ts'

const SEED = 1
const FAULT_SEEDS = [1, 2, 3, 4, 5]
const FAULT_NODES = 1_000
const PARTED_MS = 30_000
/** Nodes that stay for half an hour in the mean: of 10,000, a node dies and another joins every 0.18 s. */
const CHURN = { meanSessionMs: 1_800_000, forMs: 180_000 }
/** What the simulator keeps for one node of a large ring, bytes: see bench/results/ring-large.json. */
const HEAP_PER_NODE = 140_000
/** V8's heap consists of pages of this size, each a mapping of its own, bytes. */
const HEAP_PAGE = 256 * 1024
const STORM = { hosts: 1_000, pool: '10.9.0.0/21', loss: 0.1 }

/** A part's measurements, for the table, the JSON and the plot. */
interface Part {
  readonly targets: readonly Target[]
  readonly figures: object
  readonly curves: readonly Curve[]
}

const PARTS: Readonly<Record<string, () => Promise<Part>>> = { routing, repair, storm, large, churn, promises }

await run(async () => {
  const wanted = (process.env.PARTS || Object.keys(PARTS).join()).split(',')
  const unknown = wanted.find((name) => !(name in PARTS))
  if (unknown !== undefined) {
    throw new InputError('PART_UNKNOWN', `PARTS: there is no part ${unknown}.`, `Give some of ${Object.keys(PARTS)}.`)
  }
  const targets: Target[] = []
  for (const name of wanted) {
    const part = await PARTS[name]!()
    write(name, part)
    targets.push(...part.targets)
  }
  process.stdout.write(`\n${columns(TARGET_HEADER, targets.map(targetRow))}\n\n`)
  say(`bench/results/ring-{${wanted}}.{json,svg} written after ${sinceStart()}.`)
})

function write(name: string, { targets, figures, curves }: Part): void {
  const svg = cdfPlot(`the ring in virtual time: ${name}`, curves)
  writeResults(`ring-${name}`, { node: process.version, targets, ...figures }, svg)
}

async function routing(): Promise<Part> {
  const sizes = (process.env.SIZES || '100,1000,10000').split(',').map(Number)
  if (sizes.some((size) => !Number.isInteger(size) || size < 10 || size > 20_000)) {
    throw new InputError(
      'SIZES_INVALID',
      `SIZES=${process.env.SIZES} is no list of sizes.`,
      'Give some of 10 to 20000.',
    )
  }
  const routed: (Routed & { readonly size: number })[] = []
  for (const size of sizes) {
    const progress = (nodes: number) => say(`    ${nodes} nodes`)
    const measured = await step(`a ring of ${size} nodes`, () => measureRouting(size, SEED, progress))
    routed.push({ size, ...measured })
  }
  return {
    targets: [
      ...routed.map(({ size, hops }) => atMost(`mean hops, ${size} nodes`, '', meanHopsBound(size), mean(hops))),
      ...routed.map(({ size, idle }) => under(`sent by an idle node of ${size}`, 'B/s', 2_048, idle.wireBps)),
      ...routed.map(({ size, noticedMs }) =>
        atMost(`death of a neighbour noticed, ${size} nodes, p50`, 'ms', 2_500, quantile(noticedMs, 0.5)),
      ),
    ],
    figures: {
      seed: SEED,
      frameOverheadBytes: FRAME_OVERHEAD,
      rings: routed.map(({ size, hops, idle, noticedMs }) => ({
        size,
        farLinks: wantedFarLinks(size),
        meanHops: mean(hops),
        hops: summarize(hops),
        paperBound: Math.log2(size) ** 2 / wantedFarLinks(size),
        idle,
        noticedMs: summarize(noticedMs),
      })),
    },
    curves: routed.map(({ size, hops }) => ({
      title: `hops of a request, ${size} nodes`,
      values: hops,
      unit: 'hops',
      target: { at: meanHopsBound(size), label: 'mean below' },
    })),
  }
}

async function repair(): Promise<Part> {
  const closedMs = await step(`a tenth of ${FAULT_NODES} nodes dies`, () =>
    eachSeed((seed) => measureTenthDies(FAULT_NODES, seed)),
  )
  const healedMs = await step(`two halves of ${FAULT_NODES} nodes are parted and meet`, () =>
    eachSeed((seed) => measureHeal(FAULT_NODES, seed, PARTED_MS)),
  )
  return {
    targets: [
      atMost('closed again after a tenth died, worst', 'ms', 5_000, quantile(closedMs, 1)),
      atMost('one again after a partition, worst', 'ms', 15_000, quantile(healedMs, 1)),
    ],
    figures: { seeds: FAULT_SEEDS, nodes: FAULT_NODES, partedMs: PARTED_MS, closedMs, healedMs },
    curves: [
      { title: `a tenth of ${FAULT_NODES} nodes dies`, values: closedMs, target: { at: 5_000, label: 'target' } },
      { title: 'two halves meet again', values: healedMs, target: { at: 15_000, label: 'target' } },
    ],
  }
}

async function storm(): Promise<Part> {
  const { hosts, pool, loss } = STORM
  const { tried, leasedMs, duplicates } = await step(`${hosts} hosts start at once, one frame in ten is lost`, () =>
    measureStorm(hosts, pool, loss, SEED),
  )
  return {
    targets: [
      atMost('addresses with two owners in the storm', '', 0, duplicates),
      under('addresses tried in the storm, mean', '', 1.3, mean(tried)),
    ],
    figures: {
      seed: SEED,
      ...STORM,
      duplicates,
      triedMean: mean(tried),
      tried: summarize(tried),
      leasedMs: summarize(leasedMs),
    },
    curves: [{ title: `start to address: ${hosts} hosts at once`, values: leasedMs }],
  }
}

async function large(): Promise<Part> {
  const size = wholeNumber('LARGE', 50_000, 200_000, 1_000)
  const limit = getHeapStatistics().heap_size_limit
  if (limit < size * HEAP_PER_NODE) {
    throw new InputError(
      'HEAP_TOO_SMALL',
      `LARGE=${size} needs ${Math.ceil((size * HEAP_PER_NODE) / 1e9)} GB of heap; this process may use ${(limit / 1e9).toFixed(1)} GB.`,
      'Run it with `make bench-ring`, or give node a larger --max-old-space-size.',
    )
  }
  const maps = Math.ceil((size * HEAP_PER_NODE * 1.25) / HEAP_PAGE)
  if (Number(readFileSync('/proc/sys/vm/max_map_count', 'utf8')) < maps) {
    throw new InputError(
      'TOO_FEW_MAPPINGS',
      `LARGE=${size}: the heap needs ${maps} mappings of memory; the kernel gives a process fewer.`,
      `Allow more: sysctl -w vm.max_map_count=${maps}`,
    )
  }
  const measured = await step(`a ring of ${size} nodes, built whole`, () => measureLarge(size, SEED, tell))
  const { hops, idle, ...rest } = measured
  return {
    targets: [
      atMost(`mean hops, ${size} nodes`, '', meanHopsBound(size), mean(hops)),
      under(`sent by an idle node of ${size}`, 'B/s', 2_048, idle.wireBps),
    ],
    figures: {
      seed: SEED,
      size,
      farLinks: wantedFarLinks(size),
      meanHops: mean(hops),
      hops: summarize(hops),
      frameOverheadBytes: FRAME_OVERHEAD,
      machine: machineFacts(),
      idle,
      ...rest,
    },
    curves: [
      {
        title: `hops of a request, ${size} nodes`,
        values: hops,
        unit: 'hops',
        target: { at: meanHopsBound(size), label: 'mean below' },
      },
    ],
  }
}

async function churn(): Promise<Part> {
  const size = wholeNumber('CHURN', 10_000, 20_000, 100)
  const measured = await step(`${size} nodes come and go`, () => measureChurn({ size, ...CHURN }, SEED, tell))
  const { hops, connectedMs, ...rest } = measured
  const { arrivedShare, astray, wireBps, wholeMs } = measured
  return {
    targets: [
      atMost('requests not at the nearest node after three tries', '%', 1, 100 * (1 - arrivedShare)),
      atMost('requests answered by another node', '', 0, astray),
      atMost('mean hops amid churn', '', meanHopsBound(size), mean(hops)),
      under('sent by a node amid churn', 'B/s', 2_048, wireBps),
      atMost('a newcomer has its place, p90', 'ms', 5_000, quantile(connectedMs, 0.9)),
      atMost('whole again after the last death', 'ms', 30_000, wholeMs),
    ],
    figures: {
      seed: SEED,
      size,
      ...CHURN,
      ...rest,
      meanHops: mean(hops),
      hops: summarize(hops),
      connectedMs: summarize(connectedMs),
    },
    curves: [
      { title: 'start to its place in the ring, newcomers', values: connectedMs, target: { at: 5_000, label: 'p90' } },
      { title: 'hops of a request amid churn', values: hops, unit: 'hops' },
    ],
  }
}

function tell(what: string): void {
  say(`    ${what}`)
}

/** The target: at most 0.5 · log2(n) + 1 hops on average. */
function meanHopsBound(size: number): number {
  return 0.5 * Math.log2(size) + 1
}

async function eachSeed(measure: (seed: number) => Promise<number>): Promise<number[]> {
  const values: number[] = []
  for (const seed of FAULT_SEEDS) {
    values.push(await measure(seed))
    say(`    seed ${seed}: ${values.at(-1)} ms`)
  }
  return values
}
