/**
 * A story: a cluster, a list of faults, and the promises of DESIGN sections 4 to 7 watched all the while.
 *
 * A story is plain data, so a failing one can be printed, shrunk and played again; its seed decides everything else.
 */

import { Invariants } from './invariants.ts'
import type { Hold } from './node-clock.ts'
import { SimCluster } from './sim-cluster.ts'
import type { NatKind } from './sim-network.ts'
import { Stage } from './stage.ts'

export type Fault =
  /** Hosts that start at the same moment, as after a power cut. */
  | { readonly kind: 'boot'; readonly count: number; readonly nat: NatKind }
  /** Power cut, kill -9 or polite end of one host. */
  | { readonly kind: 'crash' | 'kill' | 'leave'; readonly who: number }
  /** Hosts that end, of any cause, and others that come: each stays for `sessionMs` in the mean. */
  | { readonly kind: 'churn'; readonly sessionMs: number; readonly forMs: number }
  /** A suspended laptop or a starved process. */
  | { readonly kind: 'hold'; readonly who: number; readonly hold: Hold; readonly forMs: number }
  /** Two halves that cannot talk; the cut goes by a bit of the address, so it is random and lasting. */
  | { readonly kind: 'partition'; readonly bit: number; readonly forMs: number }
  /** Two hosts that cannot talk to each other. */
  | { readonly kind: 'wall'; readonly one: number; readonly other: number; readonly forMs: number }
  | {
      readonly kind: 'weather'
      readonly loss: number
      readonly duplicate: number
      readonly reorder: number
      readonly delayMs: number
      readonly forMs: number
    }
  | { readonly kind: 'renew' | 'release'; readonly who: number }

export interface Step {
  readonly afterMs: number
  readonly fault: Fault
}

export interface Story {
  readonly seed: number
  readonly hosts: number
  /** One host in so many is behind a NAT of some kind; 0: none. */
  readonly natEvery: number
  /** Clocks run fast or slow by up to this share. */
  readonly drift: number
  readonly leaseMs: number
  readonly steps: readonly Step[]
}

export interface Ending {
  readonly violations: readonly string[]
  readonly hosts: number
  /** From the last fault to a whole ring, ms. */
  readonly wholeAfterMs: number
  readonly virtualMs: number
  readonly frames: number
  /** See `SimNetwork.framesDigest`. */
  readonly framesDigest: string
}

/** After the last fault: the ring is whole, every address has one owner, every host a lease and every lease is found. */
export const WHOLE_WITHIN_MS = 30_000
const LEASED_WITHIN_MS = 60_000

export async function play(story: Story): Promise<Ending> {
  const cluster = new SimCluster(story.seed, { pool: '10.9.0.0/22', leaseMs: story.leaseMs })
  const stage = new Stage(cluster, story)
  const invariants = new Invariants(cluster, stage)
  await stage.begin(invariants)
  for (const { afterMs, fault } of story.steps) {
    await stage.pass(afterMs, invariants)
    stage.strike(fault, invariants)
  }
  await stage.calm(invariants)
  const lastFault = cluster.clock.now()
  const whole = await cluster.clock.runUntilTrue(() => cluster.isWhole(), WHOLE_WITHIN_MS)
  const wholeAfterMs = cluster.clock.now() - lastFault
  if (!whole) invariants.violate(`the ring is not whole ${WHOLE_WITHIN_MS} ms after the last fault`)
  await invariants.finish(LEASED_WITHIN_MS)
  return {
    violations: invariants.violations,
    hosts: cluster.nodes.size,
    wholeAfterMs,
    virtualMs: cluster.clock.now(),
    frames: cluster.network.frames,
    framesDigest: cluster.network.framesDigest(),
  }
}
