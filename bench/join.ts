/**
 * `make bench-join`: how fast a machine joins a ring of 100 nodes and gets its address.
 *
 *   NODES=100 JOINS=30 npx tsx bench/join.ts
 *
 * Every node is a process of its own; of a ring of more than 120, only what joins. Writes bench/results/join.json (figures beside the
 * targets and the paper's) and join.svg (the distributions, like the paper's figures 4 and 5), join-NODES.json and .svg for another size
 * than 100, and prints a table. Nothing stays behind.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Host, Lab } from '../lab/lab.ts'
import { run } from '../scripts/lib/main.ts'
import { inRoot } from '../scripts/lib/paths.ts'
import { say, step } from '../scripts/lib/progress.ts'
import { columns } from '../scripts/lib/table.ts'
import { withLab } from './lib/bench-lab.ts'
import { cdfPlot } from './lib/cdf-plot.ts'
import { machineFacts, wholeNumber } from './lib/environment.ts'
import {
  type JoinSample,
  measureJoin,
  measureMemory,
  measureStart,
  processesOf,
  type Ring,
  startRing,
} from './lib/join-lab.ts'
import { quantile, summarize } from './lib/quantiles.ts'
import { writeResults } from './lib/results.ts'
import { atMost, TARGET_HEADER, type Target, targetRow, under } from './lib/targets.ts'

const DEFAULT_NODES = 100
const STARTS = 15
const LINKS = 20
/** Several nodes ask, because each has its own far links. */
const PROBES = 4
const QUESTIONS = 50
/** A machine joins a ring at rest: these pauses follow the ring's start and each join, ms. */
const SETTLE_MS = 20_000
const PAUSE_MS = 2_000
await run(async () => {
  const nodes = wholeNumber('NODES', DEFAULT_NODES, 1_000)
  const joins = wholeNumber('JOINS', 30, 100)
  await withLab('bench-join', processesOf(nodes) + joins, (lab) => bench(lab, nodes, joins))
})

async function bench(lab: Lab, nodes: number, joins: number): Promise<void> {
  const machine = machineFacts()
  const when = new Date().toISOString()
  const starts = await step(`start a node ${STARTS} times`, () => measureStart(lab, STARTS))
  const ring = await step(`a ring of ${nodes} nodes`, () => startRing(lab, nodes))
  await step('let the ring come to rest', () => sleep(SETTLE_MS))
  const { samples, memory } = await step(`${joins} joins, one after another`, () => joinAll(lab, ring, joins))
  const hops = await step('how far requests travel', () => measureHops(ring))

  // Brunet's own figure of 2010, over the Internet, is that of the large ring.
  const connectedMs = ring.isProcessEach ? 600 : 1_700
  const of = (field: keyof JoinSample) => samples.map((sample) => sample[field])
  const targets: Target[] = [
    ...(ring.isProcessEach ? [under(`the ring of ${nodes} processes forms in`, 's', 15, ring.formedMs / 1_000)] : []),
    under('exec to listening, p50', 'ms', 350, quantile(starts, 0.5)),
    under('exec to correctly connected, p90', 'ms', connectedMs, quantile(of('connectedMs'), 0.9)),
    under('dhclient start to address bound, p90', 'ms', 2_500, quantile(of('dhcpMs'), 0.9)),
    under(`memory with ${memory.links} links`, 'MB', 60, memory.rssMB),
    atMost('addresses tried, most', '', 1, quantile(of('addressesTried'), 1)),
  ]
  const result = {
    when,
    machine,
    nodes,
    formedMs: ring.formedMs,
    targets,
    paper: { dhclientP90S: 30, note: 'figure 4: 90 % of the nodes had an address within 30 s' },
    start: summarize(starts),
    listening: summarize(of('listeningMs')),
    connected: summarize(of('connectedMs')),
    dhcp: summarize(of('dhcpMs')),
    addressesTried: summarize(of('addressesTried')),
    rssMB: summarize(of('rssMB')),
    memory,
    hops: summarize(hops),
    samples,
  }
  show(
    columns(
      ['MS', 'P50', 'P90', 'MAX'],
      [
        row('exec to listening, alone', starts),
        row('exec to listening, in the ring', of('listeningMs')),
        row('exec to correctly connected (T1)', of('connectedMs')),
        row('dhclient start to bound (T2)', of('dhcpMs')),
        row('hops of a request', hops),
      ],
    ),
  )
  show(columns(TARGET_HEADER, targets.map(targetRow)))
  writeResults(nodes === DEFAULT_NODES ? 'join' : `join-${nodes}`, result, plot(samples, nodes, connectedMs))
}

async function joinAll(lab: Lab, ring: Ring, joins: number) {
  const bootstrap = { agent: ring.first, endpoint: ring.endpoint }
  const { token } = await lab.createNamespace(bootstrap, { name: 'bench', pool: '10.128.0.0/9' })
  const hosts: Host[] = []
  const samples: JoinSample[] = []
  for (let number = 1; number <= joins; number++) {
    const host = await lab.host(`join${number}`, { token })
    samples.push(await measureJoin(host))
    hosts.push(host)
    await sleep(PAUSE_MS)
    sayEvery(10, number)
  }
  const last = firstOf(hosts.slice(-1))
  return { samples, memory: await measureMemory(last, hosts.slice(0, -1), LINKS) }
}

async function measureHops({ netns, endpoint }: Ring): Promise<number[]> {
  const program = ['--import', 'tsx', inRoot('bench', 'lib', 'hops-probe.ts'), endpoint, String(QUESTIONS)]
  const probes = Array.from({ length: PROBES }, () => netns.run(process.execPath, ...program))
  return (await Promise.all(probes)).flatMap((text) => JSON.parse(text) as number[])
}

function plot(samples: readonly JoinSample[], nodes: number, connectedMs: number): string {
  return cdfPlot(`${samples.length} joins of a ring of ${nodes} nodes on one machine`, [
    {
      title: 'T1: exec to correctly connected',
      values: samples.map((s) => s.connectedMs),
      target: underMs(connectedMs),
    },
    { title: 'T2: dhclient start to address bound', values: samples.map((s) => s.dhcpMs), target: underMs(2_500) },
  ])
}

function underMs(at: number) {
  return { at, label: `target ${at} ms` }
}

function row(name: string, values: readonly number[]): string[] {
  const { p50, p90, max } = summarize(values)
  return [name, ...[p50, p90, max].map((value) => String(Math.round(value)))]
}

function sayEvery(step: number, count: number): void {
  if (count % step === 0) say(`    ${count}`)
}

function firstOf<T>(values: readonly T[]): T {
  const [first] = values
  if (first === undefined) throw new RangeError('nothing there')
  return first
}

function show(text: string): void {
  process.stdout.write(`\n${text}\n\n`)
}
