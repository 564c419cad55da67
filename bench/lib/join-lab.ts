/** The measurements of `make bench-join`, one per function; the caller owns the lab. */

import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { AgentProcess } from '../../lab/agent-process.ts'
import type { Host, Lab } from '../../lab/lab.ts'
import type { NetworkNamespace } from '../../lab/network-namespace.ts'
import { inRoot } from '../../scripts/lib/paths.ts'

/** The largest ring that has a process for each node: one takes some 60 MB. */
const MOST_PROCESSES = 120
/** Processes that start at the same time: more on two processors make the bootstrap node seem dead. */
const AT_ONCE = 10
/** Nodes in one process of a larger ring. */
const NODES_PER_PROCESS = 30
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
  readonly first: AgentProcess
  readonly endpoint: string
  readonly isProcessEach: boolean
  /** The other nodes, where each has a process of its own; else none. */
  readonly others: readonly AgentProcess[]
  /** From just before the first process was started until all nodes were correctly connected, ms. */
  readonly formedMs: number
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

/** How much memory a ring takes, in processes of one node. */
export function processesOf(nodes: number): number {
  return nodes <= MOST_PROCESSES ? nodes : 2 * Math.ceil(nodes / NODES_PER_PROCESS)
}

/** Starts plain overlay nodes on one underlay host as fast as it can: a process each, or many in one where they are too many for that. */
export async function startRing(lab: Lab, count: number): Promise<Ring> {
  const netns = await lab.netns('ring')
  const { ip } = await lab.internet.attach(netns)
  const [endpoint = '', ...listen] = Array.from({ length: count }, (_, i) => `/ip4/${ip}/tcp/${FIRST_PORT + i}`)
  const startedAt = performance.now()
  const first = new AgentProcess({ netns, state: lab.file('node0'), listen: endpoint })
  await first.phase('listening')
  const isProcessEach = count <= MOST_PROCESSES
  const others: AgentProcess[] = []
  const startNext = async (): Promise<void> => {
    for (let at = listen[others.length]; at !== undefined; at = listen[others.length]) {
      const agent = new AgentProcess({
        netns,
        state: lab.file(at.split('/').at(-1)!),
        listen: at,
        bootstrap: [endpoint],
      })
      others.push(agent)
      await agent.phase('connected')
    }
  }
  const starting = isProcessEach ? Array.from({ length: AT_ONCE }, startNext) : startParts(netns, endpoint, listen)
  await Promise.all(starting)
  return { netns, first, endpoint, isProcessEach, others, formedMs: performance.now() - startedAt }
}

/** Nodes in few processes. Each promise resolves when those of one are correctly connected. */
function startParts(netns: NetworkNamespace, endpoint: string, listen: readonly string[]): Promise<void>[] {
  const parts = Array.from({ length: Math.ceil(listen.length / NODES_PER_PROCESS) }, (_, part) =>
    listen.slice(part * NODES_PER_PROCESS, (part + 1) * NODES_PER_PROCESS),
  )
  const program = ['--import', 'tsx', inRoot('bench', 'lib', 'ring-part.ts'), endpoint]
  return parts.map(async (part) => {
    const child = netns.spawn(process.execPath, [...program, ...part])
    const errors: string[] = []
    child.stderr.on('data', (text) => errors.push(String(text)))
    for await (const line of createInterface({ input: child.stdout })) if (line === 'connected') return
    throw new Error(`a part of the ring ended: ${errors.join('')}`)
  })
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
