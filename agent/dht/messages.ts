/** What DHT clients ask the replicas of a sub-key, and what replicas ask each other. */

import {
  atMost,
  bool,
  bytes,
  type Decoded,
  fixed,
  list,
  oneOf,
  optional,
  struct,
  u8,
  u48,
  union,
} from '../core/codec.ts'
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from '../core/ed25519.ts'
import { addressCodec } from '../overlay/address.ts'
import { MAX_KEY_BYTES, MAX_TTL_MS, MAX_VALUE_BYTES, PAGE_ENTRIES } from './constants.ts'
import { REMAP } from './dht.ts'

/** What the signatures of a change are over. */
export const statementCodec = struct({
  kind: oneOf('create', 'recreate', 'delete'),
  key: bytes(MAX_KEY_BYTES),
  /** Public key that belongs to the password of the entry, the new one when the password changes. */
  holder: fixed(PUBLIC_KEY_BYTES),
  /** Of two changes by the holder of an entry the larger is the newer. */
  serial: u48,
  value: bytes(MAX_VALUE_BYTES),
  /** A duration, ms, counted from receipt. */
  ttlMs: atMost(u48, MAX_TTL_MS),
  /** Who to tell when the entry gives way to another; a claim of the holder. */
  publisher: addressCodec,
})
export type Statement = Decoded<typeof statementCodec>

/** A change to one key, valid at each of its sub-keys and nowhere else. */
export const changeCodec = struct({
  statement: statementCodec,
  signature: fixed(SIGNATURE_BYTES),
  /** When the password changes: the former one's public key, and its signature of the same statement. */
  former: optional(struct({ holder: fixed(PUBLIC_KEY_BYTES), signature: fixed(SIGNATURE_BYTES) })),
})
export type Change = Decoded<typeof changeCodec>

/** Which of the key's sub-keys is meant. */
const place = atMost(u8, REMAP - 1)

/**
 * `not-ready`: this node does not answer for the sub-key now (it joins, or a neighbour just came or went); ask again.
 * `busy`: the other replica works on the same sub-key; ask again. `full`: there is no room for this publisher.
 * `stale`: the same holder made a newer change. `forged`: the signature does not hold, or not at this sub-key.
 */
export const verdictCodec = oneOf(
  'ok',
  'taken',
  'wrong-password',
  'missing',
  'not-ready',
  'busy',
  'full',
  'stale',
  'forged',
)
export type Verdict = Decoded<typeof verdictCodec>

/** An entry that its holder gave back, up to and with the change of this serial. */
export const givenBackCodec = struct({ holder: fixed(PUBLIC_KEY_BYTES), serial: u48 })
export type GivenBack = Decoded<typeof givenBackCodec>

/** An entry as it moves: the last change that made it. Ages and lifetimes travel as durations: clocks are never compared. */
export const entryCodec = struct({
  place,
  change: changeCodec,
  /** What is left of its time-to-live, ms; never more than the statement says. */
  ttlMs: u48,
  /** How long it has been held, ms, as its replicas counted. */
  ageMs: u48,
  /** Both replicas are known to have taken it. */
  accepted: bool,
  /** What the sub-key had before, where its holder gave it back: it is not to come again from a replica that missed that. */
  follows: optional(givenBackCodec),
})
export type MovingEntry = Decoded<typeof entryCodec>

export const dhtRequestCodec = union({
  /** Client to the closest node of the sub-key that the request is addressed to. */
  change: struct({ place, change: changeCodec }),
  get: struct({}),
  /** One replica to the other: do the same. */
  replicate: struct({ place, change: changeCodec }),
  /** One replica to the other: you and I have it. */
  accepted: struct({ key: addressCodec, holder: fixed(PUBLIC_KEY_BYTES) }),
  /**
   * A neighbour takes over what the asked node holds between the two, page by page: entries after `cursor`. `side`: where
   * the asked node sees the asker. `beyond`: also what it knows behind the asker.
   */
  pull: struct({ side: oneOf('left', 'right'), beyond: bool, cursor: optional(addressCodec) }),
  /**
   * A neighbour is about to answer for what lies on its far side, and knows all of it up to `extent`: the asked node is to
   * vouch for it no more. `side`: where the asked node sees the asker.
   */
  relieve: struct({ side: oneOf('left', 'right'), extent: addressCodec }),
  /** An entry for whoever answers for it now; `both`: to be passed on to the other replica. */
  offer: struct({ entry: entryCodec, both: bool }),
  /** Replica to publisher: your entry of this sub-key gave way to one that is held longer. */
  contested: struct({ key: addressCodec }),
})

export type DhtRequest = Decoded<typeof dhtRequestCodec>
export type PullRequest = Extract<DhtRequest, { kind: 'pull' }>
export type RelieveRequest = Extract<DhtRequest, { kind: 'relieve' }>

/** `newer`: what made the change stale; the proof that whoever says so did not make it up. */
export const changeAnswerCodec = struct({ verdict: verdictCodec, newer: optional(entryCodec) })
export type ChangeAnswer = Decoded<typeof changeAnswerCodec>
/** False: the asked node knows more than the asker. */
export const relievedCodec = bool
export const getAnswerCodec = struct({ verdict: verdictCodec, entry: optional(entryCodec) })
export const pageCodec = struct({
  /** How far from itself, toward the asker, the sender knows every accepted entry; `whole`: all round the circle. */
  whole: bool,
  extent: addressCodec,
  entries: list(entryCodec, PAGE_ENTRIES),
  last: bool,
})
