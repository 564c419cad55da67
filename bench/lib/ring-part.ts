/**
 * A program of the join benchmark: several nodes of one ring in one process, for rings whose processes would not fit into a machine's
 * memory. It prints `connected` when all are correctly connected.
 *
 *   node --import tsx bench/lib/ring-part.ts <multiaddr of a node> <where to listen>…
 */

import { OverlayNode } from '../../agent/boot/overlay-node.ts'
import { SystemClock } from '../../agent/core/clock.ts'
import { SILENT } from '../../agent/core/log.ts'
import { SystemRandom } from '../../agent/core/random.ts'
import { createIdentity } from '../../agent/transport/identity.ts'

const [endpoint = '', ...listen] = process.argv.slice(2)
const clock = new SystemClock()
const random = new SystemRandom()

async function join(at: string): Promise<void> {
  const node = await OverlayNode.open({
    identity: await createIdentity(),
    listen: [at],
    announce: [],
    mdns: false,
    portMapping: false,
    ringKey: undefined,
    log: SILENT,
    clock,
    random,
  })
  await node.ring.bootstrap([endpoint])
  await node.connected
}

await Promise.all(listen.map(join))
process.stdout.write('connected\n')
