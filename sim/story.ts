/**
 * A story of faults. It is plain data, so a failing story can be printed, shrunk and replayed. Its seed decides
 * everything else.
 */

import type { Lie } from './liar.ts'
import type { NatKind } from './nat.ts'
import type { Hold } from './node-clock.ts'

export type Fault =
  /** Hosts that start at the same moment, as after a power cut. */
  | { readonly kind: 'boot'; readonly count: number; readonly nat: NatKind }
  /** One host loses power, is killed with kill -9, or leaves politely. */
  | { readonly kind: 'crash' | 'kill' | 'leave'; readonly who: number }
  /** Hosts end in any of these ways, and new hosts replace them: each stays for `sessionMs` on average. */
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
  /** What one host sends to another is lost; the other direction works. */
  | { readonly kind: 'one-way'; readonly from: number; readonly to: number; readonly forMs: number }
  | {
      readonly kind: 'weather'
      readonly loss: number
      readonly duplicate: number
      readonly reorder: number
      readonly delayMs: number
      readonly forMs: number
    }
  /** Every frame takes 150 to 300 ms, and each connection loses everything for `burstMs` now and then. */
  | { readonly kind: 'ocean'; readonly burstMs: number; readonly everyMs: number; readonly forMs: number }
  /** A NAT forgets its mappings, as when its box restarts: what was open through it is dead, and nobody is told. */
  | { readonly kind: 'rebind'; readonly who: number }
  /** One host loses power or is killed, and starts again with what its disk kept. */
  | { readonly kind: 'restart'; readonly who: number; readonly how: 'crash' | 'kill'; readonly downMs: number }
  /** The disk of one host takes nothing; `reboots`: then the host loses power, and starts again at once. */
  | { readonly kind: 'full-disk'; readonly who: number; readonly forMs: number; readonly reboots: boolean }
  | { readonly kind: 'renew' | 'release'; readonly who: number }

export interface Step {
  readonly afterMs: number
  readonly fault: Fault
}

export const CARRIERS = ['links', 'udp'] as const
export type Carrier = (typeof CARRIERS)[number]

export interface Story {
  readonly seed: number
  readonly hosts: number
  /** One host in this many is behind a NAT of some kind; 0: none. */
  readonly natEvery: number
  /** Frames over links that stand by themselves, or datagrams under the agent's own links over UDP; undefined: links. */
  readonly over?: Carrier | undefined
  /** Clocks run fast or slow by up to this share. */
  readonly drift: number
  readonly leaseMs: number
  /** Strangers that take part in the ring and lie, each in some of these ways; undefined: the ring is closed to them. */
  readonly liars?: { readonly count: number; readonly lies: readonly Lie[] } | undefined
  readonly steps: readonly Step[]
}

export interface Ending {
  readonly violations: readonly string[]
  /** Promises that were not kept among liars, which nobody can promise there. */
  readonly unkept: readonly string[]
  readonly hosts: number
  /** From the last fault to a whole ring, ms. */
  readonly wholeAfterMs: number
  readonly virtualMs: number
  /** Datagrams in a story over UDP. */
  readonly frames: number
  /** See `RingNetwork.framesDigest`. */
  readonly framesDigest: string
}
