/** The measurements of `make bench-join`, one per function; the caller owns the lab. */

import { setTimeout as sleep } from 'node:timers/promises'
import { AgentProcess } from '../../lab/agent-process.ts'
import type { Host, Lab } from '../../lab/lab.ts'
import type { NetworkNamespace } from '../../lab/network-namespace.ts'
import { until } from '../../lab/until.ts'

/** Nodes that start at the same time: few, because two processors must run them. */
const BATCH = 5
const FIRST_PORT = 4001
/** In this time a join's garbage is collected, while links stay, ms. */
const REST_MS = 20_000

export interface JoinSample {
  /** From just before the process was started, ms. */
  readonly listeningMs: number
  readonly connectedMs: number
  /** From just before dhclient was started until its address was on the tap, ms. */
  readonly dhcpMs: number
  readonly addressesTried: number
  readonly rssMB: number
  /** Nodes in the ring as the newcomer estimates them. */
  readonly estimatedSize: number
}

export interface Memory {
  readonly links: number
  readonly rssMB: number
  /** The part of `rssMB` that no file backs, and so no other process shares. */
  readonly ownMB: number
  readonly peakMB: number
}

export interface Ring {
  readonly netns: NetworkNamespace
  readonly endpoint: string
  readonly nodes: readonly AgentProcess[]
}

/** Time from exec to listening for a node that is given no bootstrap, on an otherwise idle machine, ms. */
export async function measureStart(lab: Lab, runs: number): Promise<number[]> {
  const netns = await lab.netns('start')
  const samples: number[] = []
  for (let run = 0; run < runs; run++) {
    const agent = new AgentProcess({ netns, state: lab.file(`start${run}`) })
    samples.push((await agent.phase('listening')).sinceSpawnMs)
    await agent.stop()
  }
  return samples
}

/** Starts plain overlay nodes, one process each, on one underlay host; `progress` gets the number that is ready. */
export async function startRing(lab: Lab, count: number, progress: (nodes: number) => void): Promise<Ring> {
  const netns = await lab.netns('ring')
  const { ip } = await lab.internet.attach(netns)
  const listenOf = (index: number) => `/ip4/${ip}/tcp/${FIRST_PORT + index}`
  const endpoint = listenOf(0)
  const nodes: AgentProcess[] = []
  while (nodes.length < count) {
    const batch: AgentProcess[] = []
    const size = nodes.length === 0 ? 1 : Math.min(BATCH, count - nodes.length)
    for (let index = nodes.length; batch.length < size; index++) {
      const bootstrap = index === 0 ? [] : [endpoint]
      batch.push(new AgentProcess({ netns, state: lab.file(`node${index}`), listen: listenOf(index), bootstrap }))
    }
    await Promise.all(batch.map((node) => node.phase('ready')))
    nodes.push(...batch)
    progress(nodes.length)
  }
  for (const node of nodes) {
    await until('every node is correctly connected', async () => (await node.status()).ring.correctlyConnected)
  }
  return { netns, endpoint, nodes }
}

/** Lets one machine join: starts the agent, then dhclient as soon as the tap is up. */
export async function measureJoin(host: Host): Promise<JoinSample> {
  const agent = host.startAgent()
  await agent.phase('tap')
  const { ms } = await host.client.start()
  const listening = await agent.phase('listening')
  const connected = await agent.phase('connected')
  await agent.phase('ready')
  const { timings, ring } = await agent.status()
  return {
    listeningMs: listening.sinceSpawnMs,
    connectedMs: connected.sinceSpawnMs,
    dhcpMs: ms,
    addressesTried: timings.addressesTried ?? Number.NaN,
    rssMB: agent.rssBytes() / 1e6,
    estimatedSize: ring.estimatedSize,
  }
}

/** Memory of a node that talks to others until it has `links` links, MB: at its peak, and at rest. */
export async function measureMemory(host: Host, others: readonly Host[], links: number): Promise<Memory> {
  for (const other of others) {
    if ((await host.agent.peers()).length >= links) break
    const ip = await other.client.address()
    if (ip !== undefined) await host.ping(ip)
  }
  await sleep(REST_MS)
  const { length } = await host.agent.peers()
  const megabytes = (field: 'VmRSS' | 'RssAnon' | 'VmHWM') => host.agent.rssBytes(field) / 1e6
  return { links: length, rssMB: megabytes('VmRSS'), ownMB: megabytes('RssAnon'), peakMB: megabytes('VmHWM') }
}
