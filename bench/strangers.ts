/**
 * `make bench-strangers`: what strangers cost a node of a ring of its own, beside what a handshake costs a node of a
 * shared one in the same run.
 *
 *   CONNECTIONS=10000 npx tsx bench/strangers.ts
 *
 * Real nodes, real TCP on the loopback. The node's CPU time is read from its process before and after, with what the
 * kernel does on its behalf. A stranger's bytes are those on the wire: payload, and the headers of the least number of
 * segments that TCP needs for it. Writes bench/results/strangers.json and .svg.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface, type Interface } from 'node:readline'
import { SILENT } from '../agent/core/log.ts'
import { createIdentity } from '../agent/transport/identity.ts'
import { createLibp2pLinks } from '../agent/transport/libp2p/links.ts'
import { run } from '../scripts/lib/main.ts'
import { inRoot } from '../scripts/lib/paths.ts'
import { step } from '../scripts/lib/progress.ts'
import { columns } from '../scripts/lib/table.ts'
import { barsPlot } from './lib/bars-plot.ts'
import { machineFacts, wholeNumber } from './lib/environment.ts'
import { quantile } from './lib/quantiles.ts'
import { writeResults } from './lib/results.ts'
import { TARGET_HEADER, type Target, targetRow, under } from './lib/targets.ts'

const CONNECTIONS = wholeNumber('CONNECTIONS', 10_000, 100_000, 100)
const ROUNDS = 5
/** A flood: so many strangers at once, as fast as they are refused. */
const FLOOD = 10
/** libp2p takes 100 connections a second from one host. */
const HANDSHAKES = 100
/** IPv4 and TCP with time stamps, bytes; a SYN has 8 more. */
const HEADERS = 52
const SYN = 60
/** Largest TCP payload on Ethernet, bytes. */
const SEGMENT = 1_448

/** What one connection cost the node. */
interface Cost {
  readonly cpuUs: number
  /** What the stranger sent, with headers, bytes. */
  readonly sent: number
  /** Payload that the node answered, bytes. */
  readonly answered: number
}

class NodeUnderTest {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  endpoint = ''

  constructor(key: string) {
    const program = inRoot('bench', 'lib', 'own-ring-node.ts')
    this.#child = spawn(process.execPath, ['--import', 'tsx', program, key], { stdio: ['pipe', 'pipe', 'inherit'] })
    const lines: Interface = createInterface({ input: this.#child.stdout! })
    this.#lines = lines[Symbol.asyncIterator]()
  }

  async start(): Promise<this> {
    this.endpoint = await this.#line()
    return this
  }

  get port(): number {
    return Number(/\/tcp\/(\d+)/.exec(this.endpoint)?.[1])
  }

  async cpuUs(): Promise<number> {
    this.#child.stdin!.write('\n')
    return Number(await this.#line())
  }

  async #line(): Promise<string> {
    const { value, done } = await this.#lines.next()
    if (done === true) throw new Error('the node ended')
    return value
  }

  async stop(): Promise<void> {
    this.#child.kill()
    await once(this.#child, 'exit')
  }
}

await run(async () => {
  const key = new Uint8Array(randomBytes(32))
  const own = await new NodeUnderTest(Buffer.from(key).toString('hex')).start()
  const shared = await new NodeUnderTest('shared').start()
  try {
    const flood = { count: CONNECTIONS, atOnce: FLOOD }
    const idle = await step('an idle node', () => idleUs(own))
    const wrongKey = await step('a wrong key', () => costs(own, idle, flood, () => send(own.port, randomBytes(32))))
    const noise = await step('64 KiB of noise', () =>
      costs(own, idle, flood, () => send(own.port, randomBytes(65_536))),
    )
    const handshake = await step('a handshake in a shared ring', () =>
      costs(shared, idle, { count: HANDSHAKES, atOnce: 1 }, () => link(shared.endpoint)),
    )
    const worst = [wrongKey, noise].sort((a, b) => b.cpuUs / b.sent - a.cpuUs / a.sent)[0]!
    const targets: Target[] = [
      under('CPU for each byte of a stranger, worst', 'µs', 1, worst.cpuUs / worst.sent),
      under('bytes answered for each byte of a stranger', '', 1, Math.max(...[wrongKey, noise].map(answeredShare))),
    ]
    const figures = { wrongKey, noise, handshakeInSharedRing: handshake, ratio: handshake.cpuUs / wrongKey.cpuUs }
    const svg = barsPlot('strangers at a ring of its own', targets)
    writeResults(
      'strangers',
      { machine: machineFacts(), connections: CONNECTIONS, rounds: ROUNDS, targets, ...figures },
      svg,
    )
    process.stdout.write(`\n${columns(TARGET_HEADER, targets.map(targetRow))}\n\n`)
  } finally {
    await Promise.all([own.stop(), shared.stop()])
  }
})

function answeredShare({ answered, sent }: Cost): number {
  return answered / sent
}

/** CPU time of a node that nobody calls, µs in a second. */
async function idleUs(node: NodeUnderTest): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 2_000))
  const before = await node.cpuUs()
  await new Promise((resolve) => setTimeout(resolve, 5_000))
  return ((await node.cpuUs()) - before) / 5
}

/** What each of `count` calls costs, `atOnce` of them at a time: the median of `ROUNDS` rounds. */
async function costs(
  node: NodeUnderTest,
  idle: number,
  { count, atOnce }: { count: number; atOnce: number },
  call: () => Promise<Pick<Cost, 'sent' | 'answered'>>,
): Promise<Cost> {
  const rounds: Cost[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const [before, startedAt] = [await node.cpuUs(), performance.now()]
    let [sent, answered, calls] = [0, 0, 0]
    while (calls < count / ROUNDS) {
      for (const done of await Promise.all(Array.from({ length: atOnce }, call))) {
        sent += done.sent
        answered += done.answered
        calls++
      }
    }
    const seconds = (performance.now() - startedAt) / 1_000
    const cpuUs = ((await node.cpuUs()) - before - idle * seconds) / calls
    rounds.push({ cpuUs, sent: sent / calls, answered: answered / calls })
  }
  const median = (of: (cost: Cost) => number) => quantile(rounds.map(of), 0.5)
  return {
    cpuUs: median((cost) => cost.cpuUs),
    sent: median((cost) => cost.sent),
    answered: median((cost) => cost.answered),
  }
}

/** Connects, sends `bytes`, and waits until the node hangs up. */
async function send(port: number, bytes: Uint8Array): Promise<Pick<Cost, 'sent' | 'answered'>> {
  const socket = connect(port, '127.0.0.1')
  let answered = 0
  socket.on('data', (part) => {
    answered += part.length
  })
  socket.on('error', () => {}) // A reset is a way of hanging up.
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.write(bytes)
  await closed
  return { sent: onWire(bytes.length), answered }
}

/** A stranger that does all a node of a shared ring does to be linked. */
async function link(endpoint: string): Promise<Pick<Cost, 'sent' | 'answered'>> {
  const stranger = await createLibp2pLinks({
    identity: await createIdentity(),
    listen: [],
    announce: [],
    mdns: false,
    log: SILENT,
  })
  const made = await stranger.dialEndpoint(endpoint)
  made.close()
  await stranger.stop()
  return { sent: onWire(0), answered: 0 }
}

/** Payload and the headers of its segments, of a SYN, an acknowledgement and a FIN. */
function onWire(payload: number): number {
  return payload + Math.ceil(payload / SEGMENT) * HEADERS + SYN + 2 * HEADERS
}
