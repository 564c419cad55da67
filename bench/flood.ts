/**
 * `make bench-flood`: what two hosts notice of a stranger that floods one of them over UDP.
 *
 *   RATE=50000 npx tsx bench/flood.ts
 *
 * Real agents in network namespaces. The stranger begins handshakes: in a shared ring with the right MAC, as anybody can make
 * it, in a ring of its own with a wrong one. Or it sends records of sessions that there are none. Before the flood and amid
 * it: round trips through the tunnel, a TCP stream, and how long a newcomer takes that knows the flooded host only. Writes
 * bench/results/flood.json and .svg.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Host, Lab } from '../lab/lab.ts'
import type { NamespaceChild } from '../lab/network-namespace.ts'
import { until } from '../lab/until.ts'
import { ensurePackages } from '../scripts/lib/apt.ts'
import { run } from '../scripts/lib/main.ts'
import { inRoot } from '../scripts/lib/paths.ts'
import { step } from '../scripts/lib/progress.ts'
import { columns } from '../scripts/lib/table.ts'
import { barsPlot } from './lib/bars-plot.ts'
import { withLab } from './lib/bench-lab.ts'
import { machineFacts, wholeNumber } from './lib/environment.ts'
import { quantile } from './lib/quantiles.ts'
import { writeResults } from './lib/results.ts'
import { atLeast, atMost, TARGET_HEADER, type Target, targetRow } from './lib/targets.ts'
import { tcpStream } from './lib/tcp-stream.ts'
import { cpuSeconds } from './tunnel/processes.ts'

const POOL = '10.128.0.0/9'
const AGENTS = 5
const PINGS = 200
/** Of the TCP stream, and of the flood in all, s. */
const STREAM_S = 5
const FLOOD_S = 60
const WARM_MS = 3_000

type RingKind = 'shared' | 'own'
type What = 'right-mac' | 'wrong-mac' | 'records'

const FLOODS: readonly { readonly name: string; readonly ring: RingKind; readonly what: What }[] = [
  { name: 'handshakes, shared ring', ring: 'shared', what: 'right-mac' },
  { name: 'handshakes, own ring', ring: 'own', what: 'wrong-mac' },
  { name: 'records', ring: 'own', what: 'records' },
]

/** What the two hosts notice. */
interface Seen {
  readonly pingP50Ms: number
  readonly pingP99Ms: number
  readonly pingsLost: number
  readonly streamMbps: number
  /** From its exec until it is correctly connected, ms. */
  readonly newcomerMs: number
  /** CPU time of the host that is flooded, s a second. */
  readonly cpuShare: number
  readonly links: number
}

/** What the stranger counted. */
interface Flood {
  readonly perSecond: number
  readonly sent: { readonly datagrams: number; readonly bytes: number }
  readonly answered: { readonly datagrams: number; readonly bytes: number }
}

interface Pair {
  readonly lab: Lab
  readonly token: string
  readonly flooded: Host
  readonly other: Host
  readonly otherIp: string
}

await run(async () => {
  const rate = wholeNumber('RATE', 50_000, 200_000)
  await ensurePackages(['iperf3'])
  const machine = machineFacts()
  const floods: (Measured & { readonly name: string })[] = []
  for (const { name, ring, what } of FLOODS) floods.push({ name, ...(await measureFlood(ring, what, rate)) })
  const targets = floods.flatMap(judge)
  const svg = barsPlot(`a flood of ${rate} datagrams a second`, targets)
  writeResults('flood', { machine, rate, targets, floods }, svg)
  process.stdout.write(`\n${columns(TARGET_HEADER, targets.map(targetRow))}\n\n`)
})

type Measured = { readonly before: Seen; readonly amid: Seen; readonly flood: Flood }

function judge({ name, before, amid, flood }: Measured & { readonly name: string }): Target[] {
  return [
    atMost(`${name}: bytes answered for each byte`, '', 1, flood.answered.bytes / flood.sent.bytes),
    atMost(`${name}: pings lost amid the flood`, '', 0, amid.pingsLost),
    atLeast(`${name}: share of the TCP stream that is left`, '%', 25, (100 * amid.streamMbps) / before.streamMbps),
    atLeast(`${name}: links that are left`, '', before.links, amid.links),
  ]
}

async function measureFlood(ring: RingKind, what: What, rate: number): Promise<Measured> {
  let measured: Measured | undefined
  await withLab('bench-flood', AGENTS, async (lab) => {
    const pair = await step(`two hosts of ${ring === 'own' ? 'a ring of its own' : 'a shared ring'}`, () =>
      openPair(lab, ring),
    )
    const before = await step('before the flood', () => look(pair, 'early'))
    const { child, said } = await startFlood(pair, what, rate)
    try {
      await sleep(WARM_MS)
      const amid = await step('amid the flood', () => look(pair, 'late'))
      measured = { before, amid, flood: await step('the end of the flood', said) }
    } finally {
      child.kill()
    }
  })
  return measured!
}

async function openPair(lab: Lab, ring: RingKind): Promise<Pair> {
  const { token, bootstrap } = ring === 'own' ? await ownRing(lab) : await sharedRing(lab)
  const [flooded, other] = [
    await lab.host('flooded', { token, bootstrap }),
    await lab.host('other', { token, bootstrap }),
  ]
  await flooded.join()
  const otherIp = await other.join()
  await flooded.ping(otherIp)
  const isFast = async () => (await flooded.agent.status()).tunnels.some(({ carrier }) => carrier === 'udp')
  await until('a tunnel over UDP', isFast)
  return { lab, token, flooded, other, otherIp }
}

async function sharedRing(lab: Lab) {
  const bootstrap = await lab.bootstrap()
  const { token } = await lab.createNamespace(bootstrap, { pool: POOL })
  return { token, bootstrap: [] }
}

async function ownRing(lab: Lab) {
  const namespace = await lab.drawNamespace({ pool: POOL, ring: 'own' })
  const { endpoint } = await lab.bootstrap('bootstrap', await lab.ringKey(namespace))
  return { token: namespace.token, bootstrap: [endpoint] }
}

async function look({ lab, token, flooded, other, otherIp }: Pair, newcomer: string): Promise<Seen> {
  const [cpuBefore, since] = [cpuSeconds([flooded.agent.pid]), performance.now()]
  const pings = await roundTrips(flooded, otherIp)
  const cpuShare = (cpuSeconds([flooded.agent.pid]) - cpuBefore) / ((performance.now() - since) / 1_000)
  const streamMbps = await tcpStream(flooded, other, otherIp, STREAM_S)
  const host = await lab.host(newcomer, {
    token,
    bootstrap: [`/ip4/${flooded.uplink.ip}/udp/${await portOf(flooded)}`],
  })
  const connected = await host.startAgent().phase('connected')
  await host.agent.stop()
  return {
    pingP50Ms: quantile(pings, 0.5),
    pingP99Ms: quantile(pings, 0.99),
    pingsLost: PINGS - pings.length,
    streamMbps,
    newcomerMs: connected.sinceSpawnMs,
    cpuShare,
    links: (await flooded.agent.peers()).length,
  }
}

async function roundTrips(from: Host, ip: string): Promise<number[]> {
  const argv = ['-n', '-i', '0.05', '-c', String(PINGS), '-W', '1', ip]
  const shown = await from.netns.run('sh', '-c', 'ping "$@" || true', 'ping', ...argv)
  return [...shown.matchAll(/time=([\d.]+) ms/g)].map(([, ms]) => Number(ms))
}

async function portOf({ agent }: Host): Promise<string> {
  const { udp } = await agent.status()
  return udp?.sockets[0]?.at.split(':').at(-1) ?? ''
}

async function startFlood({ lab, flooded }: Pair, what: What, rate: number) {
  const netns = await lab.netns('stranger')
  const { ip } = await lab.internet.attach(netns)
  const program = ['--import', 'tsx', inRoot('bench', 'lib', 'flooder.ts')]
  const orders = [ip, flooded.uplink.ip, await portOf(flooded), what, String(rate), String(FLOOD_S)]
  const child = netns.spawn(process.execPath, [...program, ...orders])
  return { child, said: () => lastWords(child) }
}

async function lastWords(child: NamespaceChild): Promise<Flood> {
  let text = ''
  for await (const part of child.stdout) text += part
  return JSON.parse(text) as Flood
}
