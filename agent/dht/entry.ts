/**
 * An entry, and the rules by which one entry gives way to another: pure, with the same result at every node that
 * compares the two.
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
  /** Since when the entry has been held, through all its re-creations, in this node's time. */
  readonly heldSince: number
  /** Both replicas are known to have accepted it, or the entry it re-creates: it is not a claim at one replica only. */
  readonly accepted: boolean
  /** Its holder answered a challenge here or, as that node says, at the trusted node that handed it over. */
  readonly fresh: boolean
  /** A node that is not trusted brought the last change. Its holder has not asked here, so its time is not yet what he asked. */
  readonly offered: boolean
  /** The entry before it, which its holder gave back. */
  readonly follows: GivenBack | undefined
}

/** An entry that another node says it holds: the change is proven, the rest is that node's word. */
export interface Offered {
  readonly proven: Proven
  readonly ttlMs: number
  readonly ageMs: number
  readonly accepted: boolean
  readonly fresh: boolean
  readonly follows: GivenBack | undefined
}

/** What `change` follows when it replaces `known`. */
export function followed(known: Entry, change: Change): GivenBack | undefined {
  if (!isDeletion(known) || areRelated(change, known.proven.change)) return known.follows
  return { holder: known.proven.change.statement.holder, serial: serialOf(known) }
}

/** Whether the entry that `change` made was given back by its holder before the second entry came. */
export function wasGivenBack({ statement }: Change, { follows }: Entry): boolean {
  return follows !== undefined && statement.serial <= follows.serial && equal(statement.holder, follows.holder)
}

/** A tombstone: the entry is gone, the key is free. */
export function isDeletion({ proven }: Pick<Entry, 'proven'>): boolean {
  return proven.change.statement.kind === 'delete'
}

export function serialOf({ proven }: Entry): number {
  return proven.change.statement.serial
}

export function isSame(a: Change, b: Change): boolean {
  return equal(a.signature, b.signature)
}

/** Whether the signer of `change` holds the entry that the change `entry` made. */
export function actsFor(change: Change, entry: Change): boolean {
  const { holder } = entry.statement
  return equal(change.statement.holder, holder) || (change.former !== undefined && equal(change.former.holder, holder))
}

/** Whether both change one entry: they have the same holder, or one holder handed it to the other. */
export function areRelated(a: Change, b: Change): boolean {
  return actsFor(a, b) || actsFor(b, a)
}

/**
 * Which of two holders' entries stays: an accepted one rather than a claim at one replica only; a fresh one rather than one
 * that may be a replay; of two that won on two sides of a partition, the one held longer. Every node that compares the two
 * decides the same.
 */
export function goesBefore(a: Entry, b: Entry): boolean {
  if (a.accepted !== b.accepted) return a.accepted
  if (a.fresh !== b.fresh) return a.fresh
  const older = b.heldSince - a.heldSince
  if (Math.abs(older) >= SAME_AGE_MS) return older > 0
  return hex(a.proven.change.statement.holder) < hex(b.proven.change.statement.holder)
}

/** One entry as two nodes have it: held since the earlier time; fresh, and for as long, if either knows that. */
export function joined(ours: Entry, theirs: Entry): Entry {
  const expiresAt = theirs.fresh && !ours.fresh ? Math.max(ours.expiresAt, theirs.expiresAt) : ours.expiresAt
  return {
    ...ours,
    heldSince: Math.min(ours.heldSince, theirs.heldSince),
    fresh: ours.fresh || theirs.fresh,
    expiresAt,
  }
}
