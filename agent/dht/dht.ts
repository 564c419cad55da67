/**
 * The DHT as its users see it (paper section 4): create, recreate, delete, get with votes.
 *
 * An application key is mapped to `REMAP` sub-keys spread over the ring; each answers for itself and the client counts.
 */

import type { Address } from '../overlay/address.ts'

/** What one sub-key said. `missing`: there is no such entry (recreate, delete, get). */
export type Vote = 'ok' | 'taken' | 'wrong-password' | 'missing' | 'no-answer'

/** An application key before it is mapped to sub-keys: 32 bytes that tell a storing node nothing. */
export type Key = Uint8Array

export interface Outcome {
  readonly votes: readonly Vote[]
  /** Sub-keys whose replicas both accepted. */
  readonly accepted: number
  /** More than half of the sub-keys accepted. */
  readonly won: boolean
  /** More than half of the sub-keys are held by somebody else, or hold nothing to act on: retrying will not help. */
  readonly lost: boolean
}

export interface Found {
  readonly value: Uint8Array
  /** How many sub-keys hold this very value. */
  readonly votes: number
  /** What is left of its time-to-live at its replicas, ms: the longest that a voter reported. */
  readonly ttlMs: number
  /** More than half of the sub-keys hold it. */
  readonly majority: boolean
}

export interface Dht {
  /** Inserts if no live entry is there, or if it is there with the same password (idempotent). */
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
  /** Called when replicas that held two entries for one sub-key settled it against this node's; anybody may claim so: ask again. */
  set onContested(handler: (subKey: SubKey) => void)
  /** The values found, most votes first. Empty when a majority says there is none. @throws DhtUnavailable without a majority of answers. */
  get(key: Key): Promise<Found[]>
}

/** n of the paper: sub-keys of one key; a majority is three. */
export const REMAP = 5
export const MAJORITY = 3

export type SubKey = Address
