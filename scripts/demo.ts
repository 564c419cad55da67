/**
 * `make demo`: the whole system on one machine. A bootstrap node and five hosts start, each host in a network namespace
 * with its own agent, tap and unmodified dhclient; then every host pings every host over the virtual network.
 *
 *   HOSTS=5 FLAVOUR=minimal npx tsx scripts/demo.ts      # FLAVOUR=condor: see demo/pool.ts
 *
 * The table and the ping matrix go to standard output, and as JSON to dist/demo/report.json. The exit code is 1 when a
 * host gets no address or a ping no answer. Nothing stays behind, even after an interrupt.
 */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { InputError, messageOf } from '../agent/core/errors.ts'
import { writeWhole } from '../agent/core/files.ts'
import { type Bootstrap, type Host, Lab, needLab } from '../lab/lab.ts'
import { ROOT_PACKAGES } from '../lab/machine-root.ts'
import { LAB_PACKAGES } from '../lab/packages.ts'
import { poolDemo } from './demo/pool.ts'
import { ensurePackages } from './lib/apt.ts'
import { run } from './lib/main.ts'
import { distFolder } from './lib/paths.ts'
import { say, sinceStart, step } from './lib/progress.ts'
import { columns } from './lib/table.ts'

const POOL = '10.128.0.0/9'
const DEFAULT_HOSTS = { minimal: 5, condor: 3 }
/** Each host is a process of 80 MB, and the matrix grows with the square of their number. */
const MAX_HOSTS = 50

interface HostReport {
  readonly name: string
  readonly ip: string | null
  /** From the start of the agent's process, ms: T1 and T2 of the paper. */
  readonly connectedMs: number | null
  readonly leasedMs: number | null
  readonly addressesTried: number | null
}

await run(async () => {
  const { flavour, count } = wishes(process.env)
  needLab('The demo', 'demo')
  await ensurePackages([...LAB_PACKAGES, ...(flavour === 'condor' ? ROOT_PACKAGES : [])])
  if (flavour === 'condor') return await poolDemo(count)
  const lab = await Lab.open()
  try {
    await demo(lab, count)
  } finally {
    await step('clean up', async () => lab.close())
  }
})

async function demo(lab: Lab, count: number): Promise<void> {
  const started = new Date().toISOString()
  const bootstrap = await step('bootstrap node', async () => await ready(await lab.bootstrap()))
  const namespace = await step('namespace', () => lab.createNamespace(bootstrap, { name: 'demo', pool: POOL }))
  say(`    ${namespace.id}, pool ${namespace.pool}`)
  const hosts = await step(`${count} hosts join`, () => joinAll(lab, count, namespace.token))
  const reports = await Promise.all(hosts.map(reportOf))
  const pings = await step('everybody pings everybody', () => matrix(hosts, reports))

  show(hostTable(reports))
  show(pingTable(reports, pings))
  const folder = join(distFolder, 'demo')
  mkdirSync(folder, { recursive: true })
  const { id, name, pool } = namespace
  const report = { started, namespace: { id, name, pool }, hosts: reports, pings }
  writeWhole(join(folder, 'report.json'), `${JSON.stringify(report, null, 2)}\n`, 0o644)

  const leased = reports.filter(({ ip }) => ip !== null).length
  const answered = pings.flat().filter((ms) => ms !== null).length
  say(`${leased} of ${count} hosts have an address, ${answered} of ${count * count} pings were answered.`)
  say(`dist/demo/report.json written after ${sinceStart()}.`)
  if (leased < count || answered < count * count) process.exitCode = 1
}

interface Wishes {
  readonly flavour: keyof typeof DEFAULT_HOSTS
  readonly count: number
}

/** @throws InputError */
function wishes({ HOSTS, FLAVOUR }: NodeJS.ProcessEnv): Wishes {
  const flavour = FLAVOUR || 'minimal'
  if (flavour !== 'minimal' && flavour !== 'condor') {
    throw new InputError(
      'FLAVOUR_UNKNOWN',
      `FLAVOUR=${FLAVOUR} is no flavour.`,
      'Give FLAVOUR=minimal or FLAVOUR=condor.',
    )
  }
  const least = flavour === 'condor' ? 2 : 1
  const count = HOSTS === undefined || HOSTS === '' ? DEFAULT_HOSTS[flavour] : Number(HOSTS)
  if (!Number.isInteger(count) || count < least || count > MAX_HOSTS) {
    throw new InputError('HOSTS_INVALID', `HOSTS=${HOSTS} is not a number of hosts.`, `Give ${least} to ${MAX_HOSTS}.`)
  }
  return { flavour, count }
}

async function ready(bootstrap: Bootstrap): Promise<Bootstrap> {
  await bootstrap.agent.phase('ready')
  return bootstrap
}

async function joinAll(lab: Lab, count: number, token: string): Promise<Host[]> {
  const names = Array.from({ length: count }, (_, index) => `host${index + 1}`)
  const hosts = await Promise.all(names.map((name) => lab.host(name, { token })))
  await Promise.all(
    hosts.map(async (host) => {
      try {
        say(`    ${host.name}: ${await host.join()} after ${sinceStart()}`)
      } catch (error) {
        // The other hosts are still shown; this one has no address in the table, and the exit code is 1.
        say(`    ${host.name}: no address: ${messageOf(error)}`)
      }
    }),
  )
  return hosts
}

async function reportOf(host: Host): Promise<HostReport> {
  const { name } = host
  try {
    const ip = (await host.client.address()) ?? null
    const { connectedMs, leasedMs, addressesTried } = (await host.agent.status()).timings
    return { name, ip, connectedMs, leasedMs, addressesTried }
  } catch (error) {
    say(`    ${name}: ${messageOf(error)}`)
    return { name, ip: null, connectedMs: null, leasedMs: null, addressesTried: null }
  }
}

/** Round trips, ms: a row per host, with its pings to all hosts, itself included; null: no answer. */
async function matrix(hosts: readonly Host[], reports: readonly HostReport[]): Promise<(number | null)[][]> {
  const rows: (number | null)[][] = []
  for (const host of hosts) {
    rows.push(await Promise.all(reports.map(({ ip }) => (ip === null ? null : host.ping(ip)))))
  }
  return rows
}

function hostTable(reports: readonly HostReport[]): string {
  const cell = (value: number | string | null) => String(value ?? '-')
  const rows = reports.map((host) => [
    host.name,
    cell(host.ip),
    cell(host.connectedMs),
    cell(host.leasedMs),
    cell(host.addressesTried),
  ])
  return columns(['HOST', 'VIRTUAL IP', 'MS TO CONNECTED', 'MS TO LEASE', 'ADDRESSES TRIED'], rows)
}

function pingTable(reports: readonly HostReport[], pings: readonly (readonly (number | null)[])[]): string {
  const rows = pings.map((row, index) => [
    reports[index]?.name ?? '',
    ...row.map((ms) => (ms === null ? 'lost' : ms.toFixed(2))),
  ])
  return columns(['PING, MS', ...reports.map(({ name }) => name)], rows)
}

function show(text: string): void {
  process.stdout.write(`\n${text}\n\n`)
}
