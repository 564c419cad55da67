/**
 * A story of faults. It is plain data, so a failing one can be printed, shrunk and played again; its seed decides everything
 * else.
 */

import type { NatKind } from './nat.ts'
import type { Hold } from './node-clock.ts'

export type Fault =
  /** Hosts that start at the same moment, as after a power cut. */
  | { readonly kind: 'boot'; readonly count: number; readonly nat: NatKind }
  /** Power cut, kill -9 or polite end of one host. */
  | { readonly kind: 'crash' | 'kill' | 'leave'; readonly who: number }
  /** Hosts that end, of any cause, and others that come: each stays for `sessionMs` in the mean. */
  | { readonly kind: 'churn'; readonly sessionMs: number; readonly forMs: number }
  /** A suspended laptop, a starved process or a paused virtual machine. */
  | { readonly kind: 'hold'; readonly who: number; readonly hold: Hold; readonly forMs: number }
  /** Some hosts at once, as on one machine that is suspended or paused, perhaps for longer than a lease. */
  | {
      readonly kind: 'suspend'
      readonly who: number
      readonly count: number
      readonly hold: Hold
      readonly forMs: number
    }
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
