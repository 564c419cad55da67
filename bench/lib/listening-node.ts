/**
 * A node that listens on the loopback and takes links, in a process of its own, for `bench/links.ts`. Run with --expose-gc.
 *
 * The first argument is what carries the links: `udp` or `tcp`. It prints where it listens. Then it answers each line of stdin
 * with how many links it has and what memory it uses without garbage, as JSON.
 */

import { createInterface } from 'node:readline'
import { SystemClock } from '../../agent/core/clock.ts'
import { SILENT } from '../../agent/core/log.ts'
import { SystemRandom } from '../../agent/core/random.ts'
import type { Link } from '../../agent/overlay/link.ts'
import { createIdentity } from '../../agent/transport/identity.ts'
import { createLibp2pLinks } from '../../agent/transport/libp2p/links.ts'
import { openUdpLinks } from '../../agent/transport/udp/open.ts'

const carrier = process.argv[2] ?? ''
const common = { identity: await createIdentity(), listen: [`/ip4/127.0.0.1/${carrier}/0`], announce: [], log: SILENT }
const links =
  carrier === 'udp'
    ? await openUdpLinks({ ...common, clock: new SystemClock(), random: new SystemRandom() })
    : await createLibp2pLinks({ ...common, mdns: false })
const open = new Set<Link>()
links.onLink = (link) => {
  open.add(link)
  link.onFrame = () => {}
  link.onClose = () => open.delete(link)
}
process.stdout.write(`${links.endpoints()[0]}\n`)
createInterface({ input: process.stdin }).on('line', () => {
  globalThis.gc?.()
  const { rss, heapUsed, external } = process.memoryUsage()
  process.stdout.write(`${JSON.stringify({ links: open.size, rss, used: heapUsed + external })}\n`)
})
