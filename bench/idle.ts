/**
 * `make bench-idle`: what idle members of a ring send at their uplinks, and the processor time that they take.
 *
 *   RINGS=6,12 SECONDS=240 npx tsx bench/idle.ts
 *
 * Real agents in network namespaces, each with an address and an unmodified dhclient, and one more node to begin with. Counted are whole
 * IP packets of all kinds. Writes bench/results/idle.json and .svg.
 */

import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { InputError } from '../agent/core/errors.ts'
import { inBatches, newHosts } from '../lab/churn.ts'
import type { Host, Lab } from '../lab/lab.ts'
import { run } from '../scripts/lib/main.ts'
import { step } from '../scripts/lib/progress.ts'
import { columns } from '../scripts/lib/table.ts'
import { withLab } from './lib/bench-lab.ts'
import { cdfPlot } from './lib/cdf-plot.ts'
import { deviceCounts } from './lib/device-counts.ts'
import { machineFacts, wholeNumber } from './lib/environment.ts'
import { mean, summarize } from './lib/quantiles.ts'
import { writeResults } from './lib/results.ts'
import { TARGET_HEADER, targetRow, under } from './lib/targets.ts'

/** A node learns for how long a NAT or firewall may be silent, and asks ever more rarely; this is most of the way, ms. */
const SETTLE_MS = 120_000
const LIMIT_BPS = 500
const ETHERNET_HEADER = 14
/** What the kernel counts processor time in (proc(5), USER_HZ). */
const TICK_MS = 10

interface Idle {
  readonly nodes: number
  /** Of each member, B/s. */
  readonly sent: readonly number[]
  readonly received: readonly number[]
  /** Of each member, ms of processor time a second. */
  readonly cpu: readonly number[]
}

await run(async () => {
  const rings = ringSizes()
  const seconds = wholeNumber('SECONDS', 240, 3_600, 10)
  await withLab('bench-idle', Math.max(...rings), (lab) => bench(lab, rings, seconds))
})

async function bench(lab: Lab, rings: readonly number[], seconds: number): Promise<void> {
  const machine = machineFacts()
  const { token } = await lab.createNamespace(await lab.bootstrap(), { pool: '10.128.0.0/9' })
  const members: Host[] = []
  const measured: Idle[] = []
  for (const size of rings) {
    const more = await newHosts(lab, token, `ring${size}-`, size - 1 - members.length)
    await step(`a ring of ${size}`, () => inBatches(more, (host) => host.join()))
    members.push(...more)
    await step('let it come to rest', () => sleep(SETTLE_MS))
    measured.push(await step(`${seconds} s idle`, () => measure(members, seconds)))
  }
  const targets = measured.map(({ nodes, sent }) =>
    under(`sent by a member of ${nodes}, mean`, 'B/s', LIMIT_BPS, mean(sent)),
  )
  const figures = measured.map(({ nodes, sent, received, cpu }) => ({
    nodes,
    sentBps: summarize(sent),
    receivedBps: summarize(received),
    cpuMsPerS: summarize(cpu),
  }))
  const curves = measured.map(({ nodes, sent }) => ({
    title: `sent by a member of ${nodes}`,
    values: sent,
    unit: 'B/s',
  }))
  writeResults(
    'idle',
    { machine, seconds, targets, rings: figures },
    cdfPlot('idle members, all traffic at their uplinks', curves),
  )
  const rows = figures.map(({ nodes, sentBps, receivedBps, cpuMsPerS }) =>
    [nodes, sentBps.p50, sentBps.max, receivedBps.p50, receivedBps.max, cpuMsPerS.p50].map((value) =>
      String(Math.round(value)),
    ),
  )
  process.stdout.write(
    `\n${columns(['NODES', 'SENT B/S P50', 'MOST', 'RECEIVED P50', 'MOST', 'CPU MS/S P50'], rows)}\n`,
  )
  process.stdout.write(`\n${columns(TARGET_HEADER, targets.map(targetRow))}\n\n`)
}

async function measure(members: readonly Host[], seconds: number): Promise<Idle> {
  const before = members.map(countsOf)
  await sleep(seconds * 1_000)
  const rates = members.map((host, i) => {
    const [now, then] = [countsOf(host), before[i]!]
    const since = (now.at - then.at) / 1_000
    return {
      sent: (now.sent - then.sent) / since,
      received: (now.received - then.received) / since,
      cpu: (now.cpuMs - then.cpuMs) / since,
    }
  })
  return {
    nodes: members.length + 1,
    sent: rates.map(({ sent }) => sent),
    received: rates.map(({ received }) => received),
    cpu: rates.map(({ cpu }) => cpu),
  }
}

/** Bytes of IP packets at the uplink so far, and processor time. */
function countsOf({ agent, uplink }: Host) {
  const { sent, received } = deviceCounts(agent.pid, uplink.device)
  const ipBytes = (count: { bytes: number; packets: number }) => count.bytes - ETHERNET_HEADER * count.packets
  return { at: performance.now(), sent: ipBytes(sent), received: ipBytes(received), cpuMs: cpuMs(agent.pid) }
}

/** Processor time of a process so far (proc(5), stat: utime and stime). */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}

/** The sizes of RINGS, each larger than the one before. @throws InputError */
function ringSizes(): number[] {
  const sizes = (process.env.RINGS || '6,12').split(',').map(Number)
  if (sizes.every((size, i) => Number.isInteger(size) && size > (sizes[i - 1] ?? 1) && size <= 100)) return sizes
  throw new InputError(
    'RINGS_INVALID',
    `RINGS=${process.env.RINGS} are no sizes.`,
    'Give ascending numbers up to 100, such as 6,12.',
  )
}
