/** A node that joins a shared ring for one errand and leaves again (paper section 5.1: "starts up a P2P node"). */

import { type Clock, SystemClock } from '../core/clock.ts'
import { within } from '../core/deadline.ts'
import { WowError } from '../core/errors.ts'
import { SILENT } from '../core/log.ts'
import { SystemRandom } from '../core/random.ts'
import type { Dht } from '../dht/dht.ts'
import { createIdentity } from '../transport/identity.ts'
import { everywhere } from './config.ts'
import { OverlayNode } from './overlay-node.ts'

/** How long to wait for a first link, and then for a place in the ring, ms: a person waits at a terminal. */
const LINK_LIMIT_MS = 8_000
const READY_LIMIT_MS = 15_000

/** @throws WowError when no bootstrap node answers or the node finds no place in the ring in time; `errand`'s error. */
export async function withVisitor<T>(bootstrap: readonly string[], errand: (dht: Dht) => Promise<T>): Promise<T> {
  const clock = new SystemClock()
  const node = await openPlainNode(everywhere(0), clock)
  try {
    await within(clock, LINK_LIMIT_MS, node.ring.bootstrap(bootstrap), () => unreachable(bootstrap))
    await within(clock, READY_LIMIT_MS, node.dhtReady, notReady)
    return await errand(node.dht)
  } finally {
    await node.stop()
  }
}

/** A node of a shared ring with an identity for this once, which looks for nobody by itself. @throws InputError */
export async function openPlainNode(listen: readonly string[], clock: Clock): Promise<OverlayNode> {
  return await OverlayNode.open({
    identity: await createIdentity(),
    listen,
    announce: [],
    mdns: false,
    portMapping: false,
    ringKey: undefined,
    log: SILENT,
    clock,
    random: new SystemRandom(),
  })
}

function unreachable(bootstrap: readonly string[]): WowError {
  const which =
    bootstrap.length === 1
      ? `The bootstrap address ${bootstrap[0]}`
      : `None of the bootstrap addresses ${bootstrap.join(', ')}`
  return new WowError(
    'BOOTSTRAP_UNREACHABLE',
    `${which} ${bootstrap.length === 1 ? 'does not answer' : 'answers'}.`,
    'Check that the node runs and that its port is open for UDP or TCP.',
  )
}

function notReady(): WowError {
  return new WowError('NOT_CONNECTED', 'The node found no place in the ring in time.', 'Try again.')
}
