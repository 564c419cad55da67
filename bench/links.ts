/**
 * `make bench-links`: the memory that a link costs a node.
 *
 *   LINKS=200 npx tsx bench/links.ts
 *
 * A node in a process of its own gets LINKS links over the loopback, each from another node, over UDP and then over TCP. Its
 * memory is read before and after, without garbage, once the links are at rest. Writes bench/results/links.json and .svg.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { SystemClock } from '../agent/core/clock.ts'
import { SILENT } from '../agent/core/log.ts'
import { SystemRandom } from '../agent/core/random.ts'
import type { LinkLayer } from '../agent/overlay/link.ts'
import { createIdentity } from '../agent/transport/identity.ts'
import { createLibp2pLinks } from '../agent/transport/libp2p/links.ts'
import { openUdpLinks } from '../agent/transport/udp/open.ts'
import { run } from '../scripts/lib/main.ts'
import { inRoot } from '../scripts/lib/paths.ts'
import { say, step } from '../scripts/lib/progress.ts'
import { columns } from '../scripts/lib/table.ts'
import { barsPlot } from './lib/bars-plot.ts'
import { machineFacts, wholeNumber } from './lib/environment.ts'
import { writeResults } from './lib/results.ts'
import { rounded, TARGET_HEADER, targetRow, under } from './lib/targets.ts'

/** The first links make code and pools that later ones share. */
const WARM = 20
/** A node takes 100 handshakes a second from one host. */
const PACE_MS = 20
const REST_MS = 5_000

type Carrier = 'udp' | 'tcp'

interface Memory {
  readonly links: number
  readonly rss: number
  /** Of JavaScript's heap and the buffers outside it. */
  readonly used: number
}

await run(async () => {
  const count = wholeNumber('LINKS', 200, 1_000, 50)
  const udp = await step(`${count} links over UDP`, () => measure('udp', count))
  const tcp = await step(`${count} links over TCP`, () => measure('tcp', count))
  // Memory that the process had in reserve is no resident memory more.
  const targets = [under('memory of a link over UDP', 'KB', 50, Math.max(udp.rssKB, udp.usedKB))]
  const svg = barsPlot('the memory that a link costs a node', targets)
  writeResults('links', { machine: machineFacts(), links: count, targets, udp, tcp }, svg)
  say(`    over TCP: ${rounded(tcp.rssKB)} KB resident, ${rounded(tcp.usedKB)} KB used`)
  process.stdout.write(`\n${columns(TARGET_HEADER, targets.map(targetRow))}\n\n`)
})

async function measure(carrier: Carrier, count: number): Promise<{ rssKB: number; usedKB: number }> {
  const program = ['--expose-gc', '--import', 'tsx', inRoot('bench', 'lib', 'listening-node.ts'), carrier]
  const child = spawn(process.execPath, program, { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  const others: LinkLayer[] = []
  try {
    const endpoint = (await lines.next()).value as string
    const grow = async (by: number) => {
      for (let i = 0; i < by; i++) {
        const other = await openNode(carrier)
        others.push(other)
        const link = await other.dialEndpoint(endpoint)
        link.onFrame = () => {}
        await sleep(PACE_MS)
      }
      await sleep(REST_MS)
      return await ask(child, lines)
    }
    const before = await grow(WARM)
    const after = await grow(count)
    const links = after.links - before.links
    if (links < count) throw new Error(`only ${links} of ${count} links stand`)
    return { rssKB: (after.rss - before.rss) / links / 1_000, usedKB: (after.used - before.used) / links / 1_000 }
  } finally {
    child.kill()
    await once(child, 'exit')
    await Promise.all(others.map((other) => other.stop()))
  }
}

async function openNode(carrier: Carrier): Promise<LinkLayer> {
  const common = { identity: await createIdentity(), listen: [], announce: [], log: SILENT }
  if (carrier === 'tcp') return await createLibp2pLinks({ ...common, mdns: false })
  return await openUdpLinks({ ...common, clock: new SystemClock(), random: new SystemRandom() })
}

async function ask(child: ChildProcess, lines: AsyncIterator<string>): Promise<Memory> {
  child.stdin!.write('\n')
  return JSON.parse((await lines.next()).value as string) as Memory
}
