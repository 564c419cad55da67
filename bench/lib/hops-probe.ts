/**
 * A program of the join benchmark: one more node of the ring. It asks for random places on the ring and prints how many
 * links each request crossed, as a JSON array of numbers.
 *
 *   node --import tsx bench/lib/hops-probe.ts <multiaddr of a node> <number of questions>
 */

import { openPlainNode } from '../../agent/boot/visitor.ts'
import { SystemClock } from '../../agent/core/clock.ts'
import { encode } from '../../agent/core/codec.ts'
import { SystemRandom } from '../../agent/core/random.ts'
import { ADDRESS_BYTES, addressFromBytes } from '../../agent/overlay/address.ts'
import { ringRequestCodec } from '../../agent/overlay/messages.ts'
import { DeliveryError, SERVICES } from '../../agent/overlay/overlay.ts'

/** A node draws far links every few seconds; the probe waits until it has its own, ms. */
const SETTLE_MS = 12_000
/** Counted from the start of the process, ms. */
const LIMIT_MS = 120_000

const [endpoint = '', questions = '50'] = process.argv.slice(2)
const random = new SystemRandom()
const node = await openPlainNode(['/ip4/0.0.0.0/tcp/0'], new SystemClock())
await node.ring.bootstrap([endpoint])
await node.connected
await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
const body = encode(ringRequestCodec, { kind: 'neighbors' })
const hops: number[] = []
while (hops.length < Number(questions)) {
  const target = addressFromBytes(random.bytes(ADDRESS_BYTES))
  try {
    hops.push((await node.ring.request(SERVICES.ring, target, body)).hops)
  } catch (error) {
    // A node on the route left: another probe that has all its answers.
    if (!(error instanceof DeliveryError) || performance.now() > LIMIT_MS) throw error
  }
}
process.stdout.write(`${JSON.stringify(hops)}\n`)
await node.stop()
process.exit(0)
