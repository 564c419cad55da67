/**
 * `make bench-fair`: whether many peers of one host share its tunnels fairly, while one of them is dead and one slow.
 *
 *   PEERS=50 npx tsx bench/fair.ts
 *
 * Real agents in network namespaces. One host sends a TCP stream to each peer at the same time: first over the bare underlay, which tells
 * how evenly the kernel shares this machine; then over the tunnels; then the uplink of one peer is down, and that of another drops what is
 * above 1 Mbit/s. Measured, in the seconds in which all streams run: how evenly the peers share (Jain's index), and what the other
 * peers get in the end, of what they got before. Over the tunnels each is measured twice. Writes bench/results/fair.json and .svg.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { inBatches, newHosts } from '../lab/churn.ts'
import type { Host, Lab } from '../lab/lab.ts'
import { until } from '../lab/until.ts'
import { ensurePackages } from '../scripts/lib/apt.ts'
import { run } from '../scripts/lib/main.ts'
import { say, step } from '../scripts/lib/progress.ts'
import { columns } from '../scripts/lib/table.ts'
import { withLab } from './lib/bench-lab.ts'
import { cdfPlot } from './lib/cdf-plot.ts'
import { deviceCounts } from './lib/device-counts.ts'
import { machineFacts, wholeNumber } from './lib/environment.ts'
import { summarize } from './lib/quantiles.ts'
import { writeResults } from './lib/results.ts'
import { atLeast, TARGET_HEADER, targetRow } from './lib/targets.ts'
import { tcpStream } from './lib/tcp-stream.ts'

/** So many streams start one after the other; then all of them run for the time in which they are compared, s. */
const START_S = 15
const COMPARED_S = 30
const STREAM_S = START_S + COMPARED_S + 5
/** The agent's default. */
const TAP = 'wow0'
const UPLINK = 'eth0'

/** What is above 1 Mbit/s. */
const SLOW = `table ip slow {
  chain in {
    type filter hook input priority 0
    iifname eth0 meta l4proto udp limit rate over 125 kbytes/second drop
  }
}`

interface Peer {
  readonly host: Host
  readonly ip: string
}

await run(async () => {
  const count = wholeNumber('PEERS', 50, 100, 3)
  await ensurePackages(['iperf3'])
  await withLab('bench-fair', count + 2, (lab) => bench(lab, count))
})

async function bench(lab: Lab, count: number): Promise<void> {
  const machine = machineFacts()
  const { hub, peers } = await step(`a host and ${count} peers`, () => openAll(lab, count))
  const bare = await step('a stream to each, without tunnels', () => streams(hub, bareOf(peers), UPLINK))
  const all = await twice('a stream to each', hub, peers)
  const [dead, slow] = [peers[0]!, peers[1]!]
  await dead.host.netns.ip('link', 'set', dead.host.uplink.device, 'down')
  await slow.host.netns.run('nft', SLOW)
  const others = await twice('the same, one peer dead and one slow', hub, peers)
  const rest = (rates: readonly number[]) => rates.slice(2)
  const kept = (100 * sum(rest(others))) / sum(rest(all))
  const targets = [
    atLeast("fairness: Jain's index", '', 0.9, jain(all)),
    atLeast("fairness beside a dead and a slow peer: Jain's index", '', 0.9, jain(rest(others))),
    atLeast('what the others get beside these, of what they got before', '%', 80, kept),
  ]
  const figures = {
    bareJain: jain(bare),
    bareMbps: summarize(bare),
    mbps: summarize(all),
    besideMbps: summarize(rest(others)),
    sumMbps: sum(all),
  }
  const curves = [{ title: 'a stream to each peer', values: all, unit: 'Mbit/s' }]
  say(`Without tunnels Jain's index is ${jain(bare).toFixed(2)}.`)
  writeResults('fair', { machine, peers: count, targets, ...figures }, cdfPlot(`${count} peers of one host`, curves))
  process.stdout.write(`\n${columns(TARGET_HEADER, targets.map(targetRow))}\n\n`)
}

async function openAll(lab: Lab, count: number): Promise<{ hub: Host; peers: Peer[] }> {
  const bootstrap = await lab.bootstrap()
  const { token } = await lab.createNamespace(bootstrap, { pool: '10.128.0.0/9' })
  const hub = await lab.host('hub', { token })
  await hub.join()
  const peers: Peer[] = []
  await inBatches(await newHosts(lab, token, 'peer', count), async (host) => {
    peers.push({ host, ip: await host.join() })
    if (peers.length % 10 === 0) say(`    ${peers.length}`)
  })
  for (const { host, ip } of peers) {
    if ((await hub.ping(ip)) === null) throw new Error(`${host.name} does not answer`)
  }
  const lanes = async () => (await hub.agent.status()).tunnels.filter(({ carrier }) => carrier === 'udp').length
  await until('a lane to each peer', async () => (await lanes()) >= count)
  return { hub, peers }
}

/** What arrives at each peer, Mbit/s: the mean of two runs, because a busy machine carries more at one time than at another. */
async function twice(title: string, hub: Host, peers: readonly Peer[]): Promise<number[]> {
  const first = await step(title, () => streams(hub, peers, TAP))
  const second = await step(`${title}, again`, () => streams(hub, peers, TAP))
  return first.map((rate, i) => (rate + second[i]!) / 2)
}

function bareOf(peers: readonly Peer[]): Peer[] {
  return peers.map(({ host }) => ({ host, ip: host.uplink.ip }))
}

/** What arrives at each peer, by this device, while a stream goes to each, Mbit/s. */
async function streams(hub: Host, peers: readonly Peer[], device: string): Promise<number[]> {
  // A stream to the dead peer does not begin.
  const running = peers.map(({ host, ip }) => tcpStream(hub, host, ip, STREAM_S).catch(() => 0))
  await sleep(START_S * 1_000)
  const received = () => peers.map(({ host }) => deviceCounts(host.agent.pid, device).received.bytes)
  const [from, before] = [performance.now(), received()]
  await sleep(COMPARED_S * 1_000)
  const [to, after] = [performance.now(), received()]
  await Promise.all(running)
  return after.map((bytes, i) => ((bytes - before[i]!) * 8) / 1e3 / (to - from))
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

/** 1 when all are equal, 1/n when one has all (Jain, Chiu, Hawe 1984). */
function jain(values: readonly number[]): number {
  return sum(values) ** 2 / (values.length * sum(values.map((value) => value ** 2)))
}
