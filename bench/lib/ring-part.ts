/**
 * A program of the join benchmark: several nodes of one ring in one process, for rings whose processes would not fit into a machine's
 * memory. It prints `connected` when all are correctly connected.
 *
 *   node --import tsx bench/lib/ring-part.ts <multiaddr of a node> <where to listen>…
 */

import { openPlainNode } from '../../agent/boot/visitor.ts'
import { SystemClock } from '../../agent/core/clock.ts'

const [endpoint = '', ...listen] = process.argv.slice(2)
const clock = new SystemClock()

async function join(at: string): Promise<void> {
  const node = await openPlainNode([at], clock)
  await node.ring.bootstrap([endpoint])
  await node.connected
}

await Promise.all(listen.map(join))
process.stdout.write('connected\n')
