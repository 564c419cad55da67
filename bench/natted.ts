/**
 * `make bench-natted`: a ring of real agents of which one has a public address and all others are behind NATs of four kinds.
 *
 *   HOSTS=30 npx tsx bench/natted.ts
 *
 * The public node is the bootstrap node, which is no member. The hosts boot one after another. Measured: exec to lease of each;
 * whether all are correctly connected; whether each pair pings, and how it is linked then. Writes bench/results/natted.json and .svg.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { PhaseName } from '../agent/control/phases.ts'
import type { PathKind } from '../agent/overlay/link.ts'
import type { Host, Lab } from '../lab/lab.ts'
import type { NatSite } from '../lab/nat-site.ts'
import { until } from '../lab/until.ts'
import { run } from '../scripts/lib/main.ts'
import { say, step } from '../scripts/lib/progress.ts'
import { columns } from '../scripts/lib/table.ts'
import { withLab } from './lib/bench-lab.ts'
import { cdfPlot } from './lib/cdf-plot.ts'
import { machineFacts, wholeNumber } from './lib/environment.ts'
import { quantile, summarize } from './lib/quantiles.ts'
import { writeResults } from './lib/results.ts'
import { atLeast, atMost, TARGET_HEADER, targetRow } from './lib/targets.ts'

/** What a host's router does. `carrier`: as the first, behind another such router. */
const KINDS = ['port-preserving', 'randomising', 'carrier', 'without-udp'] as const
type Kind = (typeof KINDS)[number]

/** Phases of a boot that are told. */
const SHOWN: readonly PhaseName[] = ['linked', 'connected', 'namespace', 'tap', 'leased']
/** Sites of each kind: some hosts share one, most pairs do not. */
const SITES = 2
const PAUSE_MS = 4_000
/** For one pair, s. */
const PING_LIMIT_S = 20
const PINGS_AT_ONCE = 4

interface Member {
  readonly kind: Kind
  readonly host: Host
  readonly ip: string
  readonly leasedMs: number
}

interface PairSeen {
  readonly kinds: string
  readonly answered: boolean
  readonly link: PathKind | 'none'
}

await run(async () => {
  const hosts = wholeNumber('HOSTS', 30, 60, 2) - 1
  await withLab('bench-natted', hosts + 1, (lab) => bench(lab, hosts))
})

async function bench(lab: Lab, count: number): Promise<void> {
  const machine = machineFacts()
  const bootstrap = await lab.bootstrap()
  const { token } = await lab.createNamespace(bootstrap, { pool: '10.128.0.0/9' })
  const sites = await step('routers', () => openSites(lab))
  const members = await step(`${count} hosts boot`, () => bootAll(lab, token, sites, count))
  const connected = await step('all are correctly connected', () => connectedShare(members))
  const pairs = await step('each pair pings', () => pingAll(members))
  const leasedMs = members.map((member) => member.leasedMs)
  const silent = pairs.filter(({ answered }) => !answered)
  const targets = [
    atLeast('correctly connected', '%', 100, 100 * connected),
    atMost('pairs that do not ping', '', 0, silent.length),
    atMost('exec to lease behind a NAT, p90', 'ms', 2_000, quantile(leasedMs, 0.9)),
  ]
  const links = countBy(pairs, ({ kinds, link }) => `${kinds}: ${link}`)
  const svg = cdfPlot(`${count} hosts behind NATs of four kinds, and one public node`, [
    { title: 'exec to lease', values: leasedMs, target: { at: 2_000, label: 'p90' } },
  ])
  const perKind = Object.fromEntries(
    KINDS.map((kind) => [kind, summarize(members.filter((one) => one.kind === kind).map((one) => one.leasedMs))]),
  )
  writeResults(
    'natted',
    { machine, hosts: count + 1, targets, leasedMs: summarize(leasedMs), perKind, pairs: pairs.length, links },
    svg,
  )
  const rows = Object.entries(links).map(([what, number]) => [what, String(number)])
  process.stdout.write(`\n${columns(['PAIR', 'COUNT'], rows)}\n\n${columns(TARGET_HEADER, targets.map(targetRow))}\n\n`)
}

async function openSites(lab: Lab): Promise<Map<Kind, NatSite[]>> {
  const sites = new Map<Kind, NatSite[]>()
  for (const kind of KINDS) {
    const ofKind: NatSite[] = []
    while (ofKind.length < SITES) ofKind.push(await openSite(lab, kind, `nat-${kind}-${ofKind.length}`))
    sites.set(kind, ofKind)
  }
  return sites
}

async function openSite(lab: Lab, kind: Kind, label: string): Promise<NatSite> {
  if (kind !== 'carrier') return await lab.natSite(label, kind)
  return await lab.natSite(label, 'port-preserving', await lab.natSite(`${label}-outer`, 'port-preserving'))
}

async function bootAll(
  lab: Lab,
  token: string,
  sites: ReadonlyMap<Kind, readonly NatSite[]>,
  count: number,
): Promise<Member[]> {
  const members: Member[] = []
  for (let i = 0; i < count; i++) {
    const kind = KINDS[i % KINDS.length]!
    const site = sites.get(kind)![Math.floor(i / KINDS.length) % SITES]!
    const host = await lab.host(`host${i + 1}`, { token, site })
    const ip = await host.join()
    const { sinceSpawnMs } = await host.agent.phase('leased')
    members.push({ kind, host, ip, leasedMs: sinceSpawnMs })
    say(`    ${kind}: ${await phasesOf(host)}`)
    await sleep(PAUSE_MS)
  }
  return members
}

/** `linked 301, connected 420, …`: each since exec, ms. */
async function phasesOf({ agent }: Host): Promise<string> {
  const shown: string[] = []
  for (const name of SHOWN) shown.push(`${name} ${Math.round((await agent.phase(name)).sinceSpawnMs)}`)
  return shown.join(', ')
}

async function connectedShare(members: readonly Member[]): Promise<number> {
  let connected = 0
  for (const { host } of members) {
    const isConnected = async () => (await host.agent.status()).ring.correctlyConnected
    if (await until(host.name, isConnected).catch(() => false)) connected++
  }
  return connected / members.length
}

async function pingAll(members: readonly Member[]): Promise<PairSeen[]> {
  const todo = members.flatMap((a, i) => members.slice(i + 1).map((b) => [a, b] as const))
  const seen: PairSeen[] = []
  const worker = async () => {
    for (let pair = todo.pop(); pair !== undefined; pair = todo.pop()) seen.push(await pingPair(...pair))
  }
  await Promise.all(Array.from({ length: PINGS_AT_ONCE }, worker))
  return seen
}

async function pingPair(a: Member, b: Member): Promise<PairSeen> {
  const answered = (await a.host.ping(b.ip, PING_LIMIT_S)) !== null
  if (!answered) say(`    ${a.host.name} (${a.kind}) gets no answer from ${b.host.name} (${b.kind})`)
  const { address } = await b.host.agent.status()
  const link = (await a.host.agent.peers()).find((peer) => peer.address === address)
  return { kinds: [a.kind, b.kind].sort().join(' and '), answered, link: link?.kind ?? 'none' }
}

function countBy<T>(values: readonly T[], of: (value: T) => string): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const value of values) counts[of(value)] = (counts[of(value)] ?? 0) + 1
  return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)))
}
