/**
 * The entries that one node keeps: soft state that judges each change by itself. It accepts only proven changes.
 *
 * Guarantees:
 * - there is at most one live entry per sub-key;
 * - only a holder of its password changes a live entry, and only to something newer;
 * - a repeated change gets the same verdict and does not extend the entry's life;
 * - a merge between two replicas ends the same way at both;
 * - an entry that its holder gave back never replaces the one that followed it;
 * - the store keeps at most `MAX_ENTRIES`, and from each linked node no more than its quota.
 */

import { equal } from '../core/bytes.ts'
import type { Clock } from '../core/clock.ts'
import { type Address, rightward } from '../overlay/address.ts'
import { KEPT_LONGER, MAX_TTL_MS, TOMBSTONE_MS } from './constants.ts'
import type { SubKey } from './dht.ts'
import {
  actsFor,
  areRelated,
  type Entry,
  followed,
  goesBefore,
  isDeletion,
  isSame,
  type Offered,
  serialOf,
  wasGivenBack,
} from './entry.ts'
import type { MovingEntry, Verdict } from './messages.ts'
import type { Proven } from './proof.ts'
import { Quota } from './quota.ts'
import { SortedKeys } from './sorted-keys.ts'

/** `kept`: the offered entry is in the store now. `rival`: of two live entries with different holders, the loser. */
export interface Merged {
  readonly kept: boolean
  readonly rival: Proven | undefined
}

export class EntryStore {
  readonly #entries = new Map<SubKey, Entry>()
  readonly #order = new SortedKeys()
  readonly #quota = new Quota()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#entries.size
  }

  /** The live entry of a sub-key. */
  get(subKey: SubKey): Entry | undefined {
    const entry = this.#current(subKey)
    return entry === undefined || isDeletion(entry) ? undefined : entry
  }

  /** An entry's remaining lifetime, ms. */
  ttlOf(entry: Entry): number {
    return Math.max(0, Math.floor(entry.expiresAt - this.#clock.now()))
  }

  /** The verdict that `apply` would return; changes nothing. */
  judge({ subKey, change }: Proven, broughtBy: Address): Verdict {
    const { kind, publisher, serial } = change.statement
    const known = this.#current(subKey)
    if (known !== undefined) {
      if (isSame(change, known.proven.change)) return 'ok'
      const mayChange = actsFor(change, known.proven.change)
      if (!mayChange && !isDeletion(known)) return kind === 'create' ? 'taken' : 'wrong-password'
      if (mayChange && serial <= serialOf(known)) return 'stale'
      if (wasGivenBack(change, known)) return 'stale'
    }
    if (known !== undefined && !isDeletion(known)) return 'ok'
    if (kind === 'delete') return 'missing'
    return known !== undefined || this.#quota.hasRoom(broughtBy, publisher) ? 'ok' : 'full'
  }

  apply(proven: Proven, broughtBy: Address): Verdict {
    const verdict = this.judge(proven, broughtBy)
    const known = this.#current(proven.subKey)
    if (verdict === 'ok') {
      const repeated = known !== undefined && isSame(proven.change, known.proven.change)
      // A repeated change becomes a new object, so `restore` for the first one leaves it in place.
      this.#put(repeated ? { ...known } : this.#changed(proven, broughtBy))
    }
    if (verdict === 'missing') this.#forestall(proven, known, broughtBy)
    return verdict
  }

  /** Both replicas have `holder`'s entry. False when that was known already, or there is no such entry. */
  accept(subKey: SubKey, holder: Uint8Array): boolean {
    const entry = this.get(subKey)
    if (entry === undefined || entry.accepted || !equal(entry.proven.change.statement.holder, holder)) return false
    this.#put({ ...entry, accepted: true })
    return true
  }

  /** What is known of a sub-key, including a deletion; `restore` brings it back. */
  snapshot(subKey: SubKey): Entry | undefined {
    return this.#current(subKey)
  }

  /** Undoes a change that the other replica rejected, unless the sub-key has changed since. */
  restore(subKey: SubKey, made: Entry | undefined, before: Entry | undefined): void {
    if (this.#entries.get(subKey) !== made) return
    this.#remove(subKey)
    if (before !== undefined) this.#put(before)
  }

  /**
   * Merges an entry that another node holds. `trusted`: that node is or was a replica of the sub-key, so its count of
   * the age is believed. Any other node can fill a gap or bring a change that the holder signed later, but it can never
   * replace one holder with another.
   */
  merge(offered: Offered, broughtBy: Address, trusted: boolean): Merged {
    const theirs = this.#received(offered, broughtBy, trusted)
    const { subKey, change } = theirs.proven
    const ours = this.#current(subKey)
    if (theirs.expiresAt <= this.#clock.now()) return { kept: false, rival: undefined }
    if (ours === undefined) {
      const room = this.#quota.hasRoom(broughtBy, change.statement.publisher)
      if (room) this.#put(theirs)
      return { kept: room, rival: undefined }
    }
    if (isSame(change, ours.proven.change)) {
      if (theirs.accepted) this.accept(subKey, change.statement.holder)
      const held = this.get(subKey)
      if (held !== undefined && theirs.heldSince < held.heldSince) this.#put({ ...held, heldSince: theirs.heldSince })
      return { kept: true, rival: undefined }
    }
    if (areRelated(change, ours.proven.change)) {
      // A former holder signs what he likes; only a node that is trusted may say that it came before the handing over.
      const mayFollow = trusted || actsFor(change, ours.proven.change)
      const kept = mayFollow && change.statement.serial > serialOf(ours)
      const accepted = ours.accepted || theirs.accepted
      const heldSince = Math.min(ours.heldSince, theirs.heldSince)
      if (kept) this.#put({ ...theirs, heldSince, accepted, follows: theirs.follows ?? ours.follows })
      return { kept, rival: undefined }
    }
    // Neither owner lost anything: the earlier holder had given the entry back.
    if (wasGivenBack(change, ours)) return { kept: false, rival: undefined }
    if (wasGivenBack(ours.proven.change, theirs)) {
      this.#put(theirs)
      return { kept: true, rival: undefined }
    }
    const rivals = !isDeletion(ours) && !isDeletion(theirs)
    if (rivals && trusted && change.statement.publisher === ours.proven.change.statement.publisher) {
      // A publisher never holds a key twice: it let go of the entry it signed first, and some replica missed that.
      const kept = change.statement.serial > serialOf(ours)
      if (kept) this.#put(theirs)
      return { kept, rival: undefined }
    }
    const kept = rivals ? trusted && goesBefore(theirs, ours) : !isDeletion(theirs)
    if (kept) this.#put({ ...theirs, follows: theirs.follows ?? followed(ours, change) })
    return { kept, rival: !rivals ? undefined : kept ? ours.proven : theirs.proven }
  }

  /**
   * This node was away: entries may have ended, or keys may have new holders. Keeps what has not expired, but lets it give
   * way to whatever another node holds.
   */
  doubt(): void {
    const now = this.#clock.now()
    for (const [subKey, entry] of [...this.#entries]) {
      if (entry.expiresAt <= now) this.#remove(subKey)
      else this.#put({ ...entry, accepted: false, heldSince: now })
    }
  }

  /** The live and deleted entries in the arc [from, to), walking right, those after `cursor`; at most `count`. */
  page(
    from: Address,
    to: Address,
    cursor: SubKey | undefined,
    count: number,
  ): { entries: MovingEntry[]; last: boolean } {
    const now = this.#clock.now()
    const length = from === to ? undefined : rightward(from, to)
    const entries: MovingEntry[] = []
    for (const subKey of this.#order.walk(cursor ?? from)) {
      const away = rightward(from, subKey)
      if (cursor !== undefined && away <= rightward(from, cursor)) {
        if (subKey === cursor) continue
        break // Once round.
      }
      if (length !== undefined && away >= length) break
      const entry = this.#entries.get(subKey)!
      if (entry.expiresAt <= now) continue
      if (entries.length === count) return { entries, last: false }
      entries.push(this.toMoving(entry))
    }
    return { entries, last: true }
  }

  /** Up to `count` entries that `wanted` picks. */
  find(wanted: (entry: Entry) => boolean, count: number): Entry[] {
    const now = this.#clock.now()
    const found: Entry[] = []
    for (const entry of this.#entries.values()) {
      if (entry.expiresAt > now && wanted(entry) && found.push(entry) === count) break
    }
    return found
  }

  toMoving({ proven: { place, change }, expiresAt, heldSince, accepted, follows }: Entry): MovingEntry {
    const now = this.#clock.now()
    return { place, change, ttlMs: Math.ceil(expiresAt - now), ageMs: Math.floor(now - heldSince), accepted, follows }
  }

  /** Drops entries that expired or that `keep` rejects. */
  sweep(keep: (subKey: SubKey) => boolean): void {
    const now = this.#clock.now()
    for (const [subKey, { expiresAt }] of this.#entries) if (expiresAt <= now || !keep(subKey)) this.#remove(subKey)
  }

  #current(subKey: SubKey): Entry | undefined {
    const entry = this.#entries.get(subKey)
    if (entry === undefined || entry.expiresAt > this.#clock.now()) return entry
    this.#remove(subKey)
    return undefined
  }

  #changed(proven: Proven, broughtBy: Address): Entry {
    const now = this.#clock.now()
    const known = this.#current(proven.subKey)
    const live = known === undefined || isDeletion(known) ? undefined : known
    const { kind, ttlMs } = proven.change.statement
    const lastsMs = kind === 'delete' ? Math.max(TOMBSTONE_MS, (live?.expiresAt ?? now) - now) : ttlMs * KEPT_LONGER
    const { heldSince, accepted } = live ?? { heldSince: now, accepted: false }
    const follows = known === undefined ? undefined : followed(known, proven.change)
    return { proven, broughtBy, expiresAt: now + lastsMs, heldSince, accepted, follows }
  }

  /** There is nothing to delete. Keeps the deletion, so that a change it overtook on the way is rejected. */
  #forestall(proven: Proven, known: Entry | undefined, broughtBy: Address): void {
    const mine = known !== undefined && actsFor(proven.change, known.proven.change)
    const free = known === undefined && this.#quota.hasRoom(broughtBy, proven.change.statement.publisher)
    if (mine || free) this.#put(this.#changed(proven, broughtBy))
  }

  #received({ proven, ttlMs, ageMs, accepted, follows }: Offered, broughtBy: Address, trusted: boolean): Entry {
    const now = this.#clock.now()
    const { kind, ttlMs: signedMs } = proven.change.statement
    const lastsMs = Math.min(ttlMs, kind === 'delete' ? MAX_TTL_MS : signedMs * KEPT_LONGER)
    const expiresAt = now + lastsMs
    // The change proves nothing else: the rest is the word of the node that hands it over.
    const told = trusted ? { heldSince: now - ageMs, accepted, follows } : UNTOLD
    return { proven, broughtBy, expiresAt, heldSince: now, ...told }
  }

  #put(entry: Entry): void {
    const { subKey } = entry.proven
    this.#remove(subKey)
    this.#entries.set(subKey, entry)
    this.#order.add(subKey)
    this.#quota.add(entry.broughtBy, entry.proven.change.statement.publisher)
  }

  #remove(subKey: SubKey): void {
    const entry = this.#entries.get(subKey)
    if (entry === undefined) return
    this.#entries.delete(subKey)
    this.#order.delete(subKey)
    this.#quota.subtract(entry.broughtBy, entry.proven.change.statement.publisher)
  }
}

/** From an untrusted node only the change itself counts, because it is signed. */
const UNTOLD = { accepted: false, follows: undefined }
