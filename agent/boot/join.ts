/**
 * Joins the ring: through the given addresses, through those of earlier runs, or as a ring of one.
 *
 * Given addresses promise that a ring exists: when none answers, the user gets an error. Remembered ones do not: when
 * none answers any more, this node becomes a ring of one and others find it.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../core/clock.ts'
import { within } from '../core/deadline.ts'
import { InputError } from '../core/errors.ts'
import type { OverlayNode } from './overlay-node.ts'

/** Limit for dialling the given addresses in rounds, ms: long enough for a bootstrap node that is starting too. */
export const BOOTSTRAP_LIMIT_MS = 20_000
/** Limit for one round over the remembered addresses, ms. */
const REMEMBERED_LIMIT_MS = 4_000

/** Resolves at the first link, or when this node is alone. @throws InputError when given addresses do not answer. */
export async function joinRing(
  node: OverlayNode,
  given: readonly string[],
  remembered: readonly string[],
  clock: Clock,
): Promise<void> {
  if (given.length > 0) {
    await within(clock, BOOTSTRAP_LIMIT_MS, seek(node, [...given, ...remembered]), () => unreachable(given))
    return
  }
  await seek(node, (await anyAnswers(node, remembered)) ? remembered : [])
}

/** Resolves at the first link, including one that another node opened, or when this node is alone. */
async function seek({ ring, connected }: OverlayNode, endpoints: readonly string[]): Promise<void> {
  const joined = ring.bootstrap(endpoints)
  if (ring.status().links.length > 0) return
  await Promise.race([joined, connected])
}

async function anyAnswers({ links, ring }: OverlayNode, endpoints: readonly string[]): Promise<boolean> {
  if (endpoints.length === 0) return false
  const stop = new AbortController()
  const probes = endpoints.map(async (endpoint) => {
    const link = await links.dialEndpoint(endpoint, stop.signal)
    link.close()
    if (link.peer === links.self) throw new Error('that is this node')
  })
  const late = sleep(REMEMBERED_LIMIT_MS, false, { ref: false, signal: stop.signal }).catch(() => false)
  try {
    const answered = Promise.any(probes).then(
      () => true,
      () => false,
    )
    return (await Promise.race([answered, late])) || ring.status().links.length > 0
  } finally {
    stop.abort()
  }
}

function unreachable(given: readonly string[]): InputError {
  const what =
    given.length === 1
      ? `The bootstrap address ${given[0]} does not answer`
      : `None of the ${given.length} bootstrap addresses answers, neither ${given[0]} nor the others`
  return new InputError(
    'BOOTSTRAP_UNREACHABLE',
    `${what}.`,
    'Check that a node runs there and that its TCP port is open, or give another address with --bootstrap.',
  )
}
