/**
 * The entries one node keeps: soft state that decides about each change by itself.
 *
 * Guarantees: at most one live entry per sub-key; a live entry changes only with its password; a change repeated with
 * the same password has the same verdict; what merges from another replica ends the same way at both.
 */

import { equal, hex, sha256 } from '../core/bytes.ts'
import type { Clock } from '../core/clock.ts'
import { type Address, rightward } from '../overlay/address.ts'
import { MAX_ENTRIES, MAX_ENTRIES_PER_PUBLISHER, MAX_TTL_MS, SAME_AGE_MS, TOMBSTONE_MS } from './constants.ts'
import type { SubKey } from './dht.ts'
import type { Change, MovingEntry, Verdict } from './messages.ts'

export interface Entry {
  readonly key: SubKey
  readonly passwordHash: Uint8Array
  /** The password hash at creation: names the entry through all its re-creations. */
  readonly lineage: Uint8Array
  /** Grows with every accepted change. */
  readonly serial: number
  readonly value: Uint8Array
  readonly publisher: Address
  readonly expiresAt: number
  /** Since when the lineage has been held, in this node's time. */
  readonly heldSince: number
  /** A tombstone: the lineage is gone, the key is free. */
  readonly deleted: boolean
}

export class EntryStore {
  readonly #entries = new Map<SubKey, Entry>()
  readonly #published = new Map<Address, number>()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#entries.size
  }

  /** The live entry of a sub-key. */
  get(key: SubKey): Entry | undefined {
    const entry = this.#current(key)
    return entry?.deleted === true ? undefined : entry
  }

  /** How long an entry still lives, ms. */
  ttlOf(entry: Entry): number {
    return Math.max(0, Math.floor(entry.expiresAt - this.#clock.now()))
  }

  /** What `apply` would say; changes nothing. */
  judge(key: SubKey, publisher: Address, change: Change): Verdict {
    const entry = this.get(key)
    switch (change.kind) {
      case 'create':
        if (entry === undefined) return this.#hasRoom(publisher) ? 'ok' : 'full'
        return unlocks(change.password, entry) ? 'ok' : 'taken'
      case 'recreate':
        if (entry === undefined) return this.#hasRoom(publisher) ? 'ok' : 'full'
        return unlocks(change.oldPassword, entry) || unlocks(change.newPassword, entry) ? 'ok' : 'wrong-password'
      case 'delete':
        if (entry === undefined) return 'missing'
        return unlocks(change.password, entry) ? 'ok' : 'wrong-password'
    }
  }

  apply(key: SubKey, publisher: Address, change: Change): Verdict {
    const verdict = this.judge(key, publisher, change)
    if (verdict === 'ok') this.#put(this.#changed(key, publisher, change))
    return verdict
  }

  /** Whatever is known of a sub-key, tombstones too: to bring back with `restore`. */
  snapshot(key: SubKey): Entry | undefined {
    return this.#current(key)
  }

  /** Takes a change back whose other replica refused, unless something else happened to the sub-key since. */
  restore(key: SubKey, made: Entry | undefined, before: Entry | undefined): void {
    if (this.#entries.get(key) !== made) return
    this.#remove(key)
    if (before !== undefined) this.#put(before)
  }

  /** Takes in what another replica holds; the entry that gave way, if two owners held the sub-key. */
  merge(moving: MovingEntry): Entry | undefined {
    const now = this.#clock.now()
    const theirs: Entry = {
      ...moving,
      value: moving.value.slice(),
      passwordHash: moving.passwordHash.slice(),
      lineage: moving.lineage.slice(),
      expiresAt: now + Math.min(moving.ttlMs, MAX_TTL_MS),
      heldSince: now - moving.ageMs,
    }
    const ours = this.#current(moving.key)
    if (ours === undefined) {
      if (this.#hasRoom(theirs.publisher)) this.#put(theirs)
      return undefined
    }
    const theirsStay = prevails(theirs, ours)
    if (theirsStay) this.#put(theirs)
    const rivals = !equal(ours.lineage, theirs.lineage) && !ours.deleted && !theirs.deleted
    return !rivals ? undefined : theirsStay ? ours : theirs
  }

  /** The live and deleted entries in the arc [from, to), walking right, those after `cursor`; at most `count`. */
  page(
    from: Address,
    to: Address,
    cursor: SubKey | undefined,
    count: number,
  ): { entries: MovingEntry[]; last: boolean } {
    const now = this.#clock.now()
    const end = from === to ? undefined : rightward(from, to)
    const start = cursor === undefined ? -1n : rightward(from, cursor)
    const found: { away: bigint; entry: Entry }[] = []
    for (const [key, entry] of this.#entries) {
      const away = rightward(from, key)
      if (entry.expiresAt > now && away > start && (end === undefined || away < end)) found.push({ away, entry })
    }
    found.sort((a, b) => (a.away < b.away ? -1 : 1))
    const entries = found.slice(0, count).map(({ entry }) => this.toMoving(entry))
    return { entries, last: found.length <= count }
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

  toMoving({ expiresAt, heldSince, ...rest }: Entry): MovingEntry {
    const now = this.#clock.now()
    return { ...rest, ttlMs: Math.ceil(expiresAt - now), ageMs: Math.floor(now - heldSince) }
  }

  /** Drops what expired, and what `keep` does not want. */
  sweep(keep: (key: SubKey) => boolean): void {
    const now = this.#clock.now()
    for (const [key, { expiresAt }] of this.#entries) if (expiresAt <= now || !keep(key)) this.#remove(key)
  }

  #current(key: SubKey): Entry | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined || entry.expiresAt > this.#clock.now()) return entry
    this.#remove(key)
    return undefined
  }

  #changed(key: SubKey, publisher: Address, change: Change): Entry {
    const now = this.#clock.now()
    const old = this.#current(key)
    const live = old?.deleted === true ? undefined : old
    const serial = (old?.serial ?? 0) + 1
    if (change.kind === 'delete') {
      return { ...live!, serial, value: new Uint8Array(0), expiresAt: now + TOMBSTONE_MS, deleted: true }
    }
    const passwordHash = sha256(change.kind === 'create' ? change.password : change.newPassword)
    return {
      key,
      passwordHash,
      lineage: live?.lineage ?? passwordHash,
      serial,
      value: change.value.slice(),
      publisher,
      expiresAt: now + Math.min(change.ttlMs, MAX_TTL_MS),
      heldSince: live?.heldSince ?? now,
      deleted: false,
    }
  }

  #hasRoom(publisher: Address): boolean {
    return this.#entries.size < MAX_ENTRIES && (this.#published.get(publisher) ?? 0) < MAX_ENTRIES_PER_PUBLISHER
  }

  #put(entry: Entry): void {
    this.#remove(entry.key)
    this.#entries.set(entry.key, entry)
    this.#published.set(entry.publisher, (this.#published.get(entry.publisher) ?? 0) + 1)
  }

  #remove(key: SubKey): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
    const left = (this.#published.get(entry.publisher) ?? 1) - 1
    if (left > 0) this.#published.set(entry.publisher, left)
    else this.#published.delete(entry.publisher)
  }
}

function unlocks(password: Uint8Array, entry: Entry): boolean {
  return equal(sha256(password), entry.passwordHash)
}

/** Whether `a` replaces `b` when two replicas differ; every node that compares the same two says the same. */
function prevails(a: Entry, b: Entry): boolean {
  if (equal(a.lineage, b.lineage)) return a.serial > b.serial
  if (a.deleted !== b.deleted) return b.deleted
  // Two winners from two sides of a partition: the one held longer stays (DESIGN: settlement after a heal).
  const older = b.heldSince - a.heldSince
  if (Math.abs(older) >= SAME_AGE_MS) return older > 0
  return hex(a.lineage) < hex(b.lineage)
}
