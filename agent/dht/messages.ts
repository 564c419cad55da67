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
import { CHALLENGE_MAC_BYTES, MAX_KEY_BYTES, MAX_TTL_MS, MAX_VALUE_BYTES, PAGE_ENTRIES } from './constants.ts'
import { REMAP } from './dht.ts'

/** What the signatures of a change cover. */
export const statementCodec = struct({
  kind: oneOf('create', 'recreate', 'delete'),
  key: bytes(MAX_KEY_BYTES),
  /** Public key of the entry's password; when the password changes, of the new one. */
  holder: fixed(PUBLIC_KEY_BYTES),
  /** Of two changes by an entry's holder, the one with the larger serial is newer. */
  serial: u48,
  value: bytes(MAX_VALUE_BYTES),
  /** A duration, ms, counted from receipt. */
  ttlMs: atMost(u48, MAX_TTL_MS),
  /** The node to tell when the entry gives way to another; a claim of the holder. */
  publisher: addressCodec,
})
export type Statement = Decoded<typeof statementCodec>

/** A change to one key, valid at each of its sub-keys and nowhere else. */
export const changeCodec = struct({
  statement: statementCodec,
  signature: fixed(SIGNATURE_BYTES),
  /** When the password changes: the former password's public key, and its signature of the same statement. */
  former: optional(struct({ holder: fixed(PUBLIC_KEY_BYTES), signature: fixed(SIGNATURE_BYTES) })),
})
export type Change = Decoded<typeof changeCodec>

/** Which of the key's sub-keys is meant. */
const place = atMost(u8, REMAP - 1)

/**
 * `not-ready`: this node does not answer for the sub-key now (it is joining, or a neighbour just came or went); retry.
 * `busy`: another change to the same sub-key is under way; retry. `full`: there is no room for this publisher. `stale`:
 * the same holder made a newer change. `forged`: a signature is not valid, or not at this sub-key. `challenged`: the
 * change may be a replay; its holder must answer the challenges that come with the verdict.
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
  'challenged',
)
export type Verdict = Decoded<typeof verdictCodec>

/** What a replica draws for the holder of one change to answer. Only the replica that drew it can tell that it did. */
export const challengeCodec = struct({
  /** When it was drawn, ms by the replica's clock. */
  at: u48,
  mac: fixed(CHALLENGE_MAC_BYTES),
})
export type Challenge = Decoded<typeof challengeCodec>

/** The challenges of a sub-key's two replicas, and the signature of them and of the change by the change's holder. */
export const challengesCodec = list(challengeCodec, 2)
export const responseCodec = struct({ challenges: challengesCodec, signature: fixed(SIGNATURE_BYTES) })
export type Response = Decoded<typeof responseCodec>

/** An entry that its holder gave back, up to and including the change with this serial. */
export const givenBackCodec = struct({ holder: fixed(PUBLIC_KEY_BYTES), serial: u48 })
export type GivenBack = Decoded<typeof givenBackCodec>

/** An entry in transit: the last change to it. Ages and lifetimes travel as durations; clocks are never compared. */
export const entryCodec = struct({
  place,
  change: changeCodec,
  /** Remaining time-to-live, ms; capped by the receiver at what the statement allows. */
  ttlMs: u48,
  /** How long it has been held, ms, as its replicas counted. */
  ageMs: u48,
  /** Both replicas are known to have accepted it. */
  accepted: bool,
  /** Its holder answered a challenge: it is no replay. */
  fresh: bool,
  /** The entry before it, given back by its holder: it must not return from a replica that missed that. */
  follows: optional(givenBackCodec),
})
export type MovingEntry = Decoded<typeof entryCodec>

export const dhtRequestCodec = union({
  /** Client to the closest node of the sub-key that the request is addressed to. */
  change: struct({ place, change: changeCodec, response: optional(responseCodec) }),
  get: struct({}),
  /** One replica to the other: do the same. */
  replicate: struct({ place, change: changeCodec, response: optional(responseCodec) }),
  /** One replica to the other: challenge this holder. */
  challenge: struct({ key: addressCodec, holder: fixed(PUBLIC_KEY_BYTES) }),
  /** One replica to the other: you and I have it. */
  accepted: struct({ key: addressCodec, holder: fixed(PUBLIC_KEY_BYTES) }),
  /**
   * A neighbour takes over what the asked node holds between the two, page by page: entries after `cursor`. `side`:
   * where the asked node sees the asker. `beyond`: also what the asked node has past the asker.
   */
  pull: struct({ side: oneOf('left', 'right'), beyond: bool, cursor: optional(addressCodec) }),
  /**
   * A neighbour is about to answer for what lies on its far side, and knows all of it up to `extent`: the asked node
   * should no longer vouch for it. `side`: where the asked node sees the asker.
   */
  relieve: struct({ side: oneOf('left', 'right'), extent: addressCodec }),
  /** An entry for the nodes that answer for it now; `both`: pass it on to the other replica. */
  offer: struct({ entry: entryCodec, both: bool }),
  /** Client to one replica: what do you have for this sub-key? */
  look: struct({ key: addressCodec }),
  /** Replica to publisher: your entry for this sub-key gave way to another. */
  contested: struct({ key: addressCodec }),
})

export type DhtRequest = Decoded<typeof dhtRequestCodec>
export type ChangeRequest = Extract<DhtRequest, { kind: 'change' }>
export type PullRequest = Extract<DhtRequest, { kind: 'pull' }>
export type RelieveRequest = Extract<DhtRequest, { kind: 'relieve' }>

/**
 * `newer`: the entry that made the change stale; proves that the answering node did not invent it. `challenges`: to be
 * answered by the holder's next change, or, where the verdict is `challenged`, before this one counts.
 */
export const changeAnswerCodec = struct({
  verdict: verdictCodec,
  newer: optional(entryCodec),
  challenges: challengesCodec,
})
export type ChangeAnswer = Decoded<typeof changeAnswerCodec>

/** An answer that says nothing but its verdict. */
export function plainly(verdict: Verdict): ChangeAnswer {
  return { verdict, newer: undefined, challenges: [] }
}
/** False: the asked node knows more than the asker. */
export const relievedCodec = bool
export const getAnswerCodec = struct({ verdict: verdictCodec, entry: optional(entryCodec) })
export const pageCodec = struct({
  /** `extent`: how far toward the asker the sender knows every accepted entry; `whole`: all round the circle. */
  whole: bool,
  extent: addressCodec,
  entries: list(entryCodec, PAGE_ENTRIES),
  last: bool,
})
