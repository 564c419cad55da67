/**
 * An entry, and the rules by which one gives way to another: pure, and the same at every node that compares the two.
 */

import { equal, hex } from '../core/bytes.ts'
import type { Address } from '../overlay/address.ts'
import { SAME_AGE_MS } from './constants.ts'
import type { Change, GivenBack } from './messages.ts'
import type { Proven } from './proof.ts'

export interface Entry {
  /** The last change: what the entry says, who holds it, and the proof of both. */
  readonly proven: Proven
  /** The linked node that brought it. */
  readonly broughtBy: Address
  readonly expiresAt: number
  /** Since when it has been held, through all its re-creations, in this node's time. */
  readonly heldSince: number
  /** Both replicas are known to have taken it, or what it re-creates: not a claim that one of them was left alone with. */
  readonly accepted: boolean
  /** What was here before, when its holder gave it back. */
  readonly follows: GivenBack | undefined
}

/** An entry as another node says to hold it: its change is proven, the rest is that node's word. */
export interface Offered {
  readonly proven: Proven
  readonly ttlMs: number
  readonly ageMs: number
  readonly accepted: boolean
  readonly follows: GivenBack | undefined
}

/** What `change` follows when it takes the place of `known`. */
export function followed(known: Entry, change: Change): GivenBack | undefined {
  if (!isDeletion(known) || areRelated(change, known.proven.change)) return known.follows
  return { holder: known.proven.change.statement.holder, serial: serialOf(known) }
}

/** Whether `former` is what its holder gave back before `next` came. */
export function gaveWay(former: Entry, { follows }: Entry): boolean {
  if (follows === undefined || serialOf(former) > follows.serial) return false
  return equal(former.proven.change.statement.holder, follows.holder)
}

/** A tombstone: the entry is gone, the key is free. */
export function isDeletion({ proven }: Entry): boolean {
  return proven.change.statement.kind === 'delete'
}

export function serialOf({ proven }: Entry): number {
  return proven.change.statement.serial
}

export function isSame(a: Change, b: Change): boolean {
  return equal(a.signature, b.signature)
}

/** Whether whoever signed `change` holds what `entry` made. */
export function actsFor(change: Change, entry: Change): boolean {
  const { holder } = entry.statement
  return equal(change.statement.holder, holder) || (change.former !== undefined && equal(change.former.holder, holder))
}

/** Two changes of one entry: the same holder, or one holder handed it to the other. */
export function areRelated(a: Change, b: Change): boolean {
  return actsFor(a, b) || actsFor(b, a)
}

/**
 * Of two holders one stays: an accepted one before a claim that only one replica took; of two winners from two sides of
 * a partition the one held longer. Every node that compares the two says the same.
 */
export function goesBefore(a: Entry, b: Entry): boolean {
  if (a.accepted !== b.accepted) return a.accepted
  const older = b.heldSince - a.heldSince
  if (Math.abs(older) >= SAME_AGE_MS) return older > 0
  return hex(a.proven.change.statement.holder) < hex(b.proven.change.statement.holder)
}
