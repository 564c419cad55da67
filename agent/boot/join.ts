/**
 * Joins the ring: through the given addresses, through those of earlier runs, or as a ring of one.
 *
 * Given addresses promise that a ring exists: when none answers, the user gets an error. Remembered ones do not: when
 * none answers any more, this node becomes a ring of one and others find it.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../core/clock.ts'
import { within } from '../core/deadline.ts'
import { InputError, type WowError } from '../core/errors.ts'
import type { OverlayNode } from './overlay-node.ts'
import type { Plan } from './plan.ts'

/** Limit for dialling the given addresses in rounds, ms: long enough for a bootstrap node that is starting too. */
export const BOOTSTRAP_LIMIT_MS = 20_000
/** What the node at a given address must be, by the kind of the ring. */
const WITH_KEY = 'has the key of this ring (`wow up --ring-key`, printed by `wow namespace ring-key`)'
const WITHOUT_KEY = 'is of a shared ring (it was started without --ring-key, and with no token of a ring of its own)'
/** Limit for one round over the remembered addresses, ms. */
const REMEMBERED_LIMIT_MS = 4_000

/** Resolves at the first link, or when this node is alone. @throws InputError when given addresses do not answer. */
export async function joinRing(
  node: OverlayNode,
  plan: Pick<Plan, 'bootstrap' | 'remembered' | 'ringKey'>,
  clock: Clock,
): Promise<void> {
  const given = plan.bootstrap
  const remembered = plan.remembered.peers
  if (given.length > 0) {
    const failed = () => unnamed(node, given) ?? unreachable(given, plan.ringKey !== undefined)
    await within(clock, BOOTSTRAP_LIMIT_MS, seek(node, [...given, ...remembered]), failed)
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

/** When all that was given are names, and they lead nowhere. */
function unnamed(node: OverlayNode, given: readonly string[]): WowError | undefined {
  const failures = given.map((text) => node.nameFailure(text))
  return failures.every((failure) => failure !== undefined) ? failures[0] : undefined
}

function unreachable(given: readonly string[], isOwnRing: boolean): InputError {
  const what =
    given.length === 1
      ? `The bootstrap address ${given[0]} does not answer`
      : `None of the ${given.length} bootstrap addresses answers, neither ${given[0]} nor the others`
  return new InputError(
    'BOOTSTRAP_UNREACHABLE',
    `${what}.`,
    `Check that a node runs there, that its port is open for UDP or TCP, and that it ${isOwnRing ? WITH_KEY : WITHOUT_KEY}; or give another address with --bootstrap.`,
  )
}
