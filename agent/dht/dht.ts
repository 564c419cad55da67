/**
 * The DHT as its users see it (paper section 4): create, recreate, delete, get with votes.
 *
 * An application key is mapped to `REMAP` sub-keys spread over the ring. Each answers for itself; the client counts.
 */

import type { Address } from '../overlay/address.ts'

/** One sub-key's answer. `missing`: there is no such entry (delete, get). */
export type Vote = 'ok' | 'taken' | 'wrong-password' | 'missing' | 'no-answer'

/** An application key before it is mapped to sub-keys: 32 bytes that reveal nothing to a storing node. */
export type Key = Uint8Array

export interface Outcome {
  readonly votes: readonly Vote[]
  /** Sub-keys whose replicas both accepted. */
  readonly accepted: number
  /** More than half of the sub-keys accepted. */
  readonly won: boolean
  /** More than half of the sub-keys belong to another holder or have no entry to delete: a retry will not help. */
  readonly lost: boolean
}

export interface Found {
  readonly value: Uint8Array
  /** How many sub-keys hold exactly this value. */
  readonly votes: number
  /** The longest remaining time-to-live that a voter reported, ms. */
  readonly ttlMs: number
  /** More than half of the sub-keys hold it. */
  readonly majority: boolean
}

export interface Dht {
  /**
   * Inserts if there is no live entry, or one with the same password (idempotent). The outcome is that of a claim of a
   * minute. What `ttlMs` asks beyond is added in the background; where that fails, the entry ends with the claim.
   */
  create(key: Key, password: Uint8Array, value: Uint8Array, ttlMs: number): Promise<Outcome>
  /** Replaces an entry whose password is `oldPassword`; re-inserts one that has expired. */
  recreate(
    key: Key,
    oldPassword: Uint8Array,
    newPassword: Uint8Array,
    value: Uint8Array,
    ttlMs: number,
  ): Promise<Outcome>
  delete(key: Key, password: Uint8Array): Promise<Outcome>
  /** Called when a node says that an entry of this node gave way to another. Any node may claim so: ask the DHT. */
  set onContested(handler: (subKey: SubKey) => void)
  /**
   * The values found, most votes first. Empty when a majority says there is none.
   *
   * @throws DhtUnavailable without a majority of answers.
   */
  get(key: Key): Promise<Found[]>
}

/** n of the paper: sub-keys of one key; a majority is three. */
export const REMAP = 5
export const MAJORITY = 3

export type SubKey = Address
