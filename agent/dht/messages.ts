/** What DHT clients ask the replicas of a sub-key, and what replicas ask each other. */

import { bool, bytes, type Decoded, fixed, list, oneOf, optional, struct, u32, u48, union } from '../core/codec.ts'
import { addressCodec } from '../overlay/address.ts'
import { HASH_BYTES, MAX_VALUE_BYTES, PAGE_ENTRIES } from './constants.ts'

const password = bytes(64)
const value = bytes(MAX_VALUE_BYTES)

/** A change to one sub-key. Time-to-live is a duration, ms, counted from receipt. */
export const changeCodec = union({
  create: struct({ password, value, ttlMs: u48 }),
  recreate: struct({ oldPassword: password, newPassword: password, value, ttlMs: u48 }),
  delete: struct({ password }),
})
export type Change = Decoded<typeof changeCodec>

/**
 * `not-ready`: this node does not answer for the sub-key now (it joins, or a neighbour just came or went); ask again.
 * `busy`: the other replica works on the same sub-key; ask again. `full`: the publisher's quota is used up.
 */
export const verdictCodec = oneOf('ok', 'taken', 'wrong-password', 'missing', 'not-ready', 'busy', 'full')
export type Verdict = Decoded<typeof verdictCodec>

/** An entry as it moves between replicas. Ages and lifetimes travel as durations: clocks are never compared. */
export const entryCodec = struct({
  key: addressCodec,
  passwordHash: fixed(HASH_BYTES),
  lineage: fixed(HASH_BYTES),
  serial: u32,
  value,
  publisher: addressCodec,
  ttlMs: u48,
  ageMs: u48,
  deleted: bool,
})
export type MovingEntry = Decoded<typeof entryCodec>

export const dhtRequestCodec = union({
  /** Client to the closest node of the sub-key that the request is addressed to. */
  change: struct({ change: changeCodec }),
  get: struct({}),
  /** One replica to the other: do the same. */
  replicate: struct({ key: addressCodec, publisher: addressCodec, change: changeCodec }),
  /**
   * A neighbour takes over what the asked node holds between the two, page by page: entries after `cursor`. `side`: where
   * the asked node sees the asker. `beyond`: also what it knows behind the asker.
   */
  pull: struct({ side: oneOf('left', 'right'), beyond: bool, cursor: optional(addressCodec) }),
  /** An entry for whoever answers for it now; `both`: to be passed on to the other replica. */
  offer: struct({ entry: entryCodec, both: bool }),
  /** Replica to publisher: your entry of this sub-key gave way to one that is held longer. */
  contested: struct({ key: addressCodec }),
})

export type DhtRequest = Decoded<typeof dhtRequestCodec>
export type PullRequest = Extract<DhtRequest, { kind: 'pull' }>

export const changeAnswerCodec = struct({ verdict: verdictCodec })
export const getAnswerCodec = struct({
  verdict: verdictCodec,
  values: list(struct({ value, ttlMs: u48 }), 4),
})
export const pageCodec = struct({
  /** How far from itself, toward the asker, the sender knows every accepted entry; `whole`: all round the circle. */
  whole: bool,
  extent: addressCodec,
  entries: list(entryCodec, PAGE_ENTRIES),
  last: bool,
})
