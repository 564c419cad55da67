/**
 * The entries that one node keeps: soft state that judges each change by itself. It accepts only proven changes.
 *
 * Guarantees:
 * - there is at most one live entry per sub-key;
 * - only a holder of its password changes a live entry, and only to something newer;
 * - a repeated change gets the same verdict and does not extend the entry's life;
 * - a merge between two replicas ends the same way at both;
 * - an entry that its holder gave back never replaces the one that followed it;
 * - a change that ended comes back only as long as its holder answers challenges. Without, it lasts for no more than a
 *   claim's minute, once in `ENDING_MS`;
 * - the store keeps at most `MAX_ENTRIES`, and from each linked node no more than its quota.
 */

import { equal } from '../core/bytes.ts'
import type { Clock } from '../core/clock.ts'
import { type Address, rightward } from '../overlay/address.ts'
import { CLAIM_TTL_MS, KEPT_LONGER, MAX_TTL_MS, TOMBSTONE_MS } from './constants.ts'
import type { SubKey } from './dht.ts'
import { Endings } from './endings.ts'
import {
  actsFor,
  areRelated,
  type Entry,
  followed,
  goesBefore,
  isDeletion,
  isSame,
  joined,
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
  readonly #endings: Endings
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
    this.#endings = new Endings(clock)
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
  judge(proven: Proven, broughtBy: Address, answeredAt?: number): Verdict {
    const { subKey, change } = proven
    const { kind, publisher, serial } = change.statement
    const known = this.#current(subKey)
    if (known !== undefined) {
      if (isSame(change, known.proven.change)) return this.#counts(proven, answeredAt) ? 'ok' : 'challenged'
      const mayChange = actsFor(change, known.proven.change)
      if (!mayChange && !isDeletion(known)) return kind === 'create' ? 'taken' : 'wrong-password'
      if (mayChange && serial <= serialOf(known)) return 'stale'
      if (wasGivenBack(change, known)) return 'stale'
    }
    const isLive = known !== undefined && !isDeletion(known)
    if (kind === 'delete') return isLive ? 'ok' : 'missing'
    if (known === undefined && !this.#quota.hasRoom(broughtBy, publisher)) return 'full'
    return this.#counts(proven, answeredAt) ? 'ok' : 'challenged'
  }

  /** `answeredAt`: when the challenge was drawn that the holder answers with this change, ms; undefined: he answers none. */
  apply(proven: Proven, broughtBy: Address, answeredAt?: number): Verdict {
    const verdict = this.judge(proven, broughtBy, answeredAt)
    const known = this.#current(proven.subKey)
    if (verdict === 'ok') {
      const fresh = this.#isFresh(proven, answeredAt)
      const isKnown = known !== undefined && isSame(proven.change, known.proven.change)
      const repeated = isKnown && known.fresh === fresh && !known.offered
      // A repeated change becomes a new object, so `restore` for the first one leaves it in place.
      this.#put(repeated ? { ...known } : this.#changed(proven, broughtBy, fresh))
    }
    if (verdict === 'missing') this.#forestall(proven, known, broughtBy)
    return verdict
  }

  /** Whether the entry of a sub-key is known to be no replay. */
  isFresh(subKey: SubKey): boolean {
    return this.get(subKey)?.fresh ?? false
  }

  /** Whether the entry of a sub-key ends before its signed time, because its holder has answered no challenge. */
  isCut(subKey: SubKey): boolean {
    const entry = this.get(subKey)
    return entry !== undefined && !entry.fresh && entry.proven.change.statement.ttlMs > CLAIM_TTL_MS
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
    const mayReturn = trusted || isDeletion(theirs) || this.#endings.of(subKey) === undefined
    if (ours === undefined) {
      const kept = mayReturn && this.#quota.hasRoom(broughtBy, change.statement.publisher)
      if (kept) this.#put(theirs)
      return { kept, rival: undefined }
    }
    if (isSame(change, ours.proven.change)) {
      if (theirs.accepted) this.accept(subKey, change.statement.holder)
      const held = this.get(subKey)
      if (held !== undefined) this.#put(joined(held, theirs))
      return { kept: true, rival: undefined }
    }
    if (areRelated(change, ours.proven.change)) {
      // A former holder signs what he likes; only a node that is trusted may say that it came before the handing over.
      const mayFollow = trusted || actsFor(change, ours.proven.change)
      const kept = mayFollow && change.statement.serial > serialOf(ours) && (mayReturn || !isDeletion(ours))
      const accepted = ours.accepted || theirs.accepted
      const heldSince = Math.min(ours.heldSince, theirs.heldSince)
      const follows = theirs.follows ?? ours.follows
      const fresh = theirs.fresh || this.isFresh(subKey)
      const renewed = { ...theirs, heldSince, accepted, follows, fresh }
      if (kept) this.#put({ ...renewed, expiresAt: this.#endOfRenewed(renewed, ours, offered) })
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
    const kept = rivals ? trusted && goesBefore(theirs, ours) : !isDeletion(theirs) && (mayReturn || !isDeletion(ours))
    if (kept) this.#put({ ...theirs, follows: theirs.follows ?? followed(ours, change) })
    return { kept, rival: !rivals ? undefined : kept ? ours.proven : theirs.proven }
  }

  /**
   * This node was away: entries may have ended, or keys may have new holders. Keeps what has not expired, but lets it give
   * way to whatever another node holds.
   */
  doubt(): void {
    const now = this.#clock.now()
    for (const entry of [...this.#entries.values()]) {
      if (entry.expiresAt <= now) this.#end(entry)
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

  toMoving({ proven: { place, change }, expiresAt, heldSince, ...told }: Entry): MovingEntry {
    const now = this.#clock.now()
    const { accepted, fresh, follows } = told
    const [ttlMs, ageMs] = [Math.ceil(expiresAt - now), Math.floor(now - heldSince)]
    return { place, change, ttlMs, ageMs, accepted, fresh, follows }
  }

  /** Drops entries that expired or that `keep` rejects. */
  sweep(keep: (subKey: SubKey) => boolean): void {
    const now = this.#clock.now()
    for (const [subKey, entry] of this.#entries) {
      if (entry.expiresAt <= now) this.#end(entry)
      else if (!keep(subKey)) this.#remove(subKey)
    }
  }

  #current(subKey: SubKey): Entry | undefined {
    const entry = this.#entries.get(subKey)
    if (entry === undefined || entry.expiresAt > this.#clock.now()) return entry
    this.#end(entry)
    return undefined
  }

  #end({ proven: { subKey }, expiresAt }: Entry): void {
    this.#remove(subKey)
    this.#endings.add(subKey, expiresAt)
  }

  /** Whether its holder made the change lately: he answered a challenge drawn after the last entry ended, or renews one. */
  #isFresh({ subKey }: Proven, answeredAt: number | undefined): boolean {
    if (this.isFresh(subKey)) return true
    return answeredAt !== undefined && answeredAt >= (this.#endings.of(subKey) ?? 0)
  }

  /** Whether the change is fresh, or a claim of a free key, or one that was taken before. */
  #counts(proven: Proven, answeredAt: number | undefined): boolean {
    const { subKey, change } = proven
    if (change.statement.kind === 'delete' || this.#isFresh(proven, answeredAt)) return true
    const live = this.get(subKey)
    const isFree = live === undefined ? this.#endings.of(subKey) === undefined : isSame(change, live.proven.change)
    return isFree && change.statement.ttlMs <= CLAIM_TTL_MS
  }

  #changed(proven: Proven, broughtBy: Address, fresh: boolean): Entry {
    const now = this.#clock.now()
    const known = this.#current(proven.subKey)
    const live = known === undefined || isDeletion(known) ? undefined : known
    const { kind, ttlMs } = proven.change.statement
    const lastsMs = kind === 'delete' ? Math.max(TOMBSTONE_MS, (live?.expiresAt ?? now) - now) : ttlMs * KEPT_LONGER
    const { heldSince, accepted } = live ?? { heldSince: now, accepted: false }
    const follows = known === undefined ? undefined : followed(known, proven.change)
    return { proven, broughtBy, expiresAt: now + lastsMs, heldSince, accepted, fresh, offered: false, follows }
  }

  /** There is nothing to delete. Keeps the deletion, so that a change it overtook on the way is rejected. */
  #forestall(proven: Proven, known: Entry | undefined, broughtBy: Address): void {
    const mine = known !== undefined && actsFor(proven.change, known.proven.change)
    const free = known === undefined && this.#quota.hasRoom(broughtBy, proven.change.statement.publisher)
    if (mine || free) this.#put(this.#changed(proven, broughtBy, false))
  }

  #received(offered: Offered, broughtBy: Address, trusted: boolean): Entry {
    const now = this.#clock.now()
    const { proven, ageMs, accepted, fresh, follows } = offered
    // The change proves nothing else: the rest is the word of the node that hands it over.
    const told = trusted ? { heldSince: now - ageMs, accepted, fresh, follows } : UNTOLD
    const expiresAt = this.#endOf(offered, told.fresh)
    return { proven, broughtBy, heldSince: now, ...told, expiresAt, offered: !trusted }
  }

  /**
   * When an entry ends whose next change another node brought. From one that is not trusted, that is no earlier than the entry
   * before, and no later unless that one is fresh.
   */
  #endOfRenewed({ fresh, offered, expiresAt }: Entry, before: Entry, brought: Offered): number {
    if (isDeletion(brought) || isDeletion(before)) return fresh ? this.#endOf(brought, true) : expiresAt
    const renewedUntil = fresh ? this.#endOf(brought, true) : Math.min(expiresAt, before.expiresAt)
    return offered ? Math.max(renewedUntil, before.expiresAt) : renewedUntil
  }

  /** When an entry that another node has ends here: no later than its signed time-to-live says, nor than a claim if not fresh. */
  #endOf({ proven, ttlMs }: Offered, fresh: boolean): number {
    const { kind, ttlMs: signedMs } = proven.change.statement
    const longestMs = fresh ? signedMs : Math.min(signedMs, CLAIM_TTL_MS)
    return this.#clock.now() + Math.min(ttlMs, kind === 'delete' ? MAX_TTL_MS : longestMs * KEPT_LONGER)
  }

  #put(entry: Entry): void {
    const { subKey } = entry.proven
    // What its holder answered before he gave the entry back brings nothing back.
    if (isDeletion(entry) && this.get(subKey) !== undefined) this.#endings.add(subKey, this.#clock.now())
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
const UNTOLD = { accepted: false, fresh: false, follows: undefined }
