/**
 * `make bench-churn`: measures leases of real processes while machines die and boot, and when all ask at once.
 *
 *   AGENTS=100 CHURN=20 STORM=20 npx tsx bench/churn.ts
 *
 * - Churn: AGENTS agents run, one in five of them a member with a lease. CHURN further members boot one after another,
 *   and each time an agent is killed.
 * - Boot storm: STORM members on a /27 with room for exactly as many start dhclient together. One more asks in vain and
 *   is served when a lease is released; a second one when a lease expires.
 *
 * Writes bench/results/churn.json and churn.svg, and prints a table. Nothing stays behind.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import {
  askInVain,
  boot,
  churn,
  duplicatesAmong,
  inBatches,
  type Joined,
  newHosts,
  runDown,
  servedAfter,
  storm,
} from '../lab/churn.ts'
import type { Lab } from '../lab/lab.ts'
import { run } from '../scripts/lib/main.ts'
import { step } from '../scripts/lib/progress.ts'
import { columns } from '../scripts/lib/table.ts'
import { withLab } from './lib/bench-lab.ts'
import { cdfPlot } from './lib/cdf-plot.ts'
import { machineFacts, wholeNumber } from './lib/environment.ts'
import { startRing } from './lib/join-lab.ts'
import { quantile, summarize } from './lib/quantiles.ts'
import { writeResults } from './lib/results.ts'
import { atMost, TARGET_HEADER, targetRow, under } from './lib/targets.ts'

/** One agent in this many is a member. */
const MEMBERS = 5
const SETTLE_MS = 20_000
/** Time between two rounds of churn, ms: two processors that also run the ring finish a boot and a death in it. */
const PERIOD_MS = 5_000
/** A pool so small that newcomers often try an address that is held. */
const CHURN_POOL = '10.88.0.0/26'
const STORM_POOL = '10.77.0.0/27'
const STORM_MOST = 29
/** Short enough to wait for its expiry. */
const STORM_LEASE = '60s'
/** dhclient listens for a minute, then sleeps for five. A client that awaits an expiry starts this long before, s. */
const LISTENING_S = 20

interface Churn {
  readonly joins: readonly Joined[]
  readonly duplicates: readonly string[]
}

interface Storm {
  readonly boundMs: readonly number[]
  readonly duplicates: readonly string[]
  readonly servedAfterReleaseMs: number
  readonly servedAfterExpiryMs: number
}

await run(async () => {
  const agents = wholeNumber('AGENTS', 100, 150)
  const changes = wholeNumber('CHURN', 20, 40)
  const clients = wholeNumber('STORM', 20, STORM_MOST)
  const about = { when: new Date().toISOString(), machine: machineFacts(), agents, changes, clients }
  let churned: Churn | undefined
  let stormed: Storm | undefined
  await withLab('bench-churn', agents + changes, async (lab) => {
    churned = await measureChurn(lab, agents, changes)
  })
  await withLab('bench-churn', clients + 2, async (lab) => {
    stormed = await measureStorm(lab, clients)
  })
  if (churned === undefined || stormed === undefined) throw new TypeError('nothing was measured')
  report(about, churned, stormed)
})

async function measureChurn(lab: Lab, agents: number, changes: number): Promise<Churn> {
  const count = Math.ceil(agents / MEMBERS)
  const ring = await step(`${agents - count} overlay nodes`, () => startRing(lab, agents - count))
  const bootstrap = { agent: ring.first, endpoint: ring.endpoint }
  const { token } = await lab.createNamespace(bootstrap, { name: 'churn', pool: CHURN_POOL })
  const members = await newHosts(lab, token, 'member', count)
  await step(`${count} members`, () => inBatches(members, boot))
  await step('let the ring come to rest', () => sleep(SETTLE_MS))
  // Newcomers find the ring through the bootstrap node, so it lives.
  const candidates = [...ring.others, ...members.map(({ agent }) => agent)]
  const victims = shuffled(candidates).slice(0, changes)
  const newcomers = await newHosts(lab, token, 'newcomer', changes)
  const joins = await step(`${changes} boot while ${victims.length} are killed`, () =>
    churn(newcomers, victims, PERIOD_MS),
  )
  const alive = [...members.filter(({ agent }) => !victims.includes(agent)), ...newcomers]
  return { joins, duplicates: await duplicatesAmong(alive) }
}

async function measureStorm(lab: Lab, clients: number): Promise<Storm> {
  const bootstrap = await lab.bootstrap()
  const wishes = { name: 'storm', pool: STORM_POOL, lease: STORM_LEASE, ...keepBack(STORM_MOST - clients) }
  const { token } = await lab.createNamespace(bootstrap, wishes)
  const hosts = await newHosts(lab, token, 'host', clients)
  const boundMs = await step(`${clients} clients start together`, () => storm(hosts))
  const duplicates = await duplicatesAmong(hosts)
  const [first, second] = hosts
  const [third, fourth] = await newHosts(lab, token, 'late', 2)
  if (!first || !second || !third || !fourth) throw new TypeError('too few hosts')
  const servedAfterReleaseMs = await step('one more client, and a lease is released', async () => {
    await askInVain(third)
    return servedAfter(third, first.client.release())
  })
  const servedAfterExpiryMs = await step('one more client, and a lease expires', async () => {
    await runDown(second, LISTENING_S)
    await askInVain(fourth)
    return servedAfter(fourth, runDown(second, 0))
  })
  return { boundMs, duplicates, servedAfterReleaseMs, servedAfterExpiryMs }
}

interface About {
  readonly when: string
  readonly machine: ReturnType<typeof machineFacts>
  readonly agents: number
  readonly changes: number
  readonly clients: number
}

function report(about: About, churned: Churn, stormed: Storm): void {
  const { joins, duplicates } = churned
  const joinMs = joins.map((join) => join.joinMs)
  const dhcpMs = joins.map((join) => join.dhcpMs)
  const targets = [
    atMost('churn: duplicate addresses', '', 0, duplicates.length),
    under('churn: exec to address bound, p90', 'ms', 3_000, quantile(joinMs, 0.9)),
    atMost('storm: duplicate addresses', '', 0, stormed.duplicates.length),
  ]
  const result = {
    ...about,
    targets,
    churn: { joinMs: summarize(joinMs), dhcpMs: summarize(dhcpMs), duplicates, joins },
    storm: { ...stormed, bound: summarize(stormed.boundMs) },
  }
  const svg = cdfPlot(`${about.changes} boots while as many of ${about.agents} agents die; ${about.clients} at once`, [
    { title: 'churn: exec to address bound', values: joinMs, target: { at: 3_000, label: 'target 3000 ms' } },
    { title: 'storm: dhclient start to address bound', values: stormed.boundMs },
  ])
  const rows: [string, readonly number[]][] = [
    ['churn: exec to address bound', joinMs],
    ['churn: dhclient start to address bound', dhcpMs],
    ['storm: dhclient start to address bound', stormed.boundMs],
    ['full pool: served after a release', [stormed.servedAfterReleaseMs]],
    ['full pool: served after an expiry', [stormed.servedAfterExpiryMs]],
  ]
  show(columns(['MS', 'P50', 'P90', 'MAX'], rows.map(timesRow)))
  show(columns(TARGET_HEADER, targets.map(targetRow)))
  writeResults('churn', result, svg)
}

/** The last `count` addresses of the storm's pool, for `wow namespace create --reserve`. */
function keepBack(count: number): { reserve?: string } {
  if (count === 0) return {}
  const [network] = STORM_POOL.split('/')
  const base = (network ?? '').split('.').slice(0, 3).join('.')
  // The service address is the first, so the others are numbers 2 to 30.
  return { reserve: Array.from({ length: count }, (_, index) => `${base}.${STORM_MOST + 1 - index}`).join(',') }
}

function shuffled<T>(values: readonly T[]): T[] {
  return values
    .map((value) => ({ value, order: Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ value }) => value)
}

function timesRow([name, values]: readonly [string, readonly number[]]): string[] {
  const { p50, p90, max } = summarize(values)
  return [name, ...[p50, p90, max].map((value) => String(Math.round(value)))]
}

function show(text: string): void {
  process.stdout.write(`\n${text}\n\n`)
}
