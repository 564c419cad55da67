/** `wow status`, `peers`, `leases` and `doctor`: print the agent's answers for scripts or for people. */

import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { defaultStateFolder } from '../boot/config.ts'
import { askAgent } from '../control/client.ts'
import { type Diagnosis, mayPass } from '../control/doctor.ts'
import { diagnoseOffline } from '../control/offline.ts'
import type { LeaseStatus, PeerStatus, Status } from '../control/status.ts'
import { WowError } from '../core/errors.ts'
import { EXIT_FAILED, fields, print, printJson, table, warn } from './output.ts'
import { linkLines, lossText, rttText, udpText } from './path-text.ts'

export interface InspectOptions {
  readonly state?: string
  readonly json?: boolean
}

/** `wow doctor` waits so long for what passes by itself, ms, and asks so often. */
const DOCTOR_PATIENCE_MS = 10_000
const DOCTOR_PERIOD_MS = 500

export async function inspect(page: 'status' | 'peers' | 'leases' | 'doctor', options: InspectOptions): Promise<void> {
  const folder = resolve(options.state ?? defaultStateFolder())
  if (page === 'doctor') return doctor(folder, options.json === true)
  // The agent comes from the same installation, so its answer has the type declared here.
  const answer = await askAgent(folder, `/${page}`)
  if (options.json) return printJson(answer)
  switch (page) {
    case 'status':
      return print(statusText(answer as Status))
    case 'peers':
      return print(peersText(answer as PeerStatus[]))
    case 'leases':
      return print(leasesText(answer as LeaseStatus[]))
  }
}

async function doctor(folder: string, json: boolean): Promise<void> {
  const deadline = performance.now() + DOCTOR_PATIENCE_MS
  let diagnosis = await examine(folder)
  if (mayPass(diagnosis))
    warn(`what is wrong may pass by itself: waiting for it, ${DOCTOR_PATIENCE_MS / 1_000} s at most`)
  while (mayPass(diagnosis) && performance.now() < deadline) {
    await sleep(DOCTOR_PERIOD_MS)
    diagnosis = await examine(folder)
  }
  if (json) printJson(diagnosis)
  else print(doctorText(diagnosis))
  if (!diagnosis.ok) process.exitCode = EXIT_FAILED
}

async function examine(folder: string): Promise<Diagnosis> {
  try {
    return (await askAgent(folder, '/doctor')) as Diagnosis
  } catch (error) {
    if (error instanceof WowError) return diagnoseOffline(folder, error)
    throw error
  }
}

function statusText(status: Status): string {
  const { ring, namespace, timings } = status
  const short = (address: string | null) => address?.slice(0, 8) ?? '-'
  const ms = (value: number | null) => (value === null ? '-' : `${value} ms`)
  const sides = ring.alone ? 'a ring of one' : `left ${short(ring.left)}, right ${short(ring.right)}`
  const portMapping = status.udp?.portMapping ? [status.udp.portMapping] : []
  const lines: [string, string][] = [
    ['phase', status.failed === null ? status.phase : `failed: ${status.failed.message}`],
    ['address', `${status.address ?? '-'} (${status.peerId ?? '-'})`],
    ['ring', `${ring.correctlyConnected ? 'correctly connected' : 'not correctly connected'}, ${sides}`],
    ['links', `${ring.near} near, ${ring.far} far, ${ring.onDemand} on demand; about ${ring.estimatedSize} nodes`],
    [
      'namespace',
      namespace === null ? 'none (plain overlay node)' : `${namespace.name} (${namespace.id}), ${namespace.pool}`,
    ],
    ...(status.udp === null ? [] : [['udp', udpText(status.udp)] satisfies [string, string]]),
    ...linkLines(status.links).map((line): [string, string] => ['link', line]),
    [
      'timings',
      `connected ${ms(timings.connectedMs)}, leased ${ms(timings.leasedMs)}, addresses tried ${timings.addressesTried ?? '-'}`,
    ],
    ...portMapping.map(({ protocol, outer, expiresInS }): [string, string] => [
      'router',
      `lets others in at ${outer} (${protocol}, for ${expiresInS} s)`,
    ]),
    ...status.leases.map(({ ip, mac, expiresInS }): [string, string] => [
      'lease',
      `${ip} for ${mac}, ${expiresInS} s left`,
    ]),
    ...status.tunnels.map(({ ip, carrier, rttMs, txBytes, rxBytes }): [string, string] => [
      'tunnel',
      `${ip} over ${carrier}, ${rttMs === null ? 'rtt unknown' : `rtt ${rttMs} ms`}, ${txBytes} B out, ${rxBytes} B in`,
    ]),
  ]
  return fields(lines)
}

function peersText(peers: readonly PeerStatus[]): string {
  if (peers.length === 0) return 'No links.'
  const rows = peers.map(({ address, roles, kind, rttMs, loss, remote, whyNotBetter }) => [
    address,
    roles.join(',') || '-',
    kind,
    rttText(rttMs),
    lossText(loss),
    remote,
    whyNotBetter ?? '',
  ])
  return table(['ADDRESS', 'ROLES', 'WAY', 'RTT', 'LOSS', 'REMOTE', 'WHY NOT BETTER'], rows)
}

function leasesText(leases: readonly LeaseStatus[]): string {
  if (leases.length === 0) return 'No leases.'
  return table(
    ['IP', 'MAC', 'EXPIRES'],
    leases.map(({ ip, mac, expiresInS }) => [ip, mac, `${expiresInS} s`]),
  )
}

function doctorText({ ok, checks }: Diagnosis): string {
  const lines = checks.flatMap(({ ok, code, detail, hint }) => {
    const line = `${ok ? 'ok  ' : 'FAIL'}  ${code.padEnd(20)}  ${detail}`
    return hint === '' ? [line] : [line, `      ${''.padEnd(20)}  -> ${hint}`]
  })
  return [...lines, ok ? 'All is well.' : 'Something is wrong; the first failure is usually the cause.'].join('\n')
}
