/** Every number of the DHT, with its unit and its reason. */

/** Largest value, bytes: strangers store our entries. */
export const MAX_VALUE_BYTES = 1024
/** Longest time-to-live, ms: a week, so that nothing stays for good. */
export const MAX_TTL_MS = 7 * 24 * 3_600_000
/** Entries that one node keeps for one publisher, and in all. */
export const MAX_ENTRIES_PER_PUBLISHER = 4_096
export const MAX_ENTRIES = 200_000
/** Passwords are kept as SHA-256. */
export const HASH_BYTES = 32

/** A deleted entry is remembered this long, ms, so that a replica that missed it does not bring it back. */
export const TOMBSTONE_MS = 60_000
/** How long a node keeps what it answered for before a neighbour came in between, ms: the neighbour may vanish again. */
export const RETAIN_MS = 60_000
/** How often expired and retained entries are swept, ms. */
export const SWEEP_PERIOD_MS = 10_000
/** When nobody who held a range is left, its entries are lost; it is served again after this, ms. */
export const ORPHAN_GRACE_MS = 5_000
/** Entries in one page of a handover, and the pause before asking again, ms. */
export const PAGE_ENTRIES = 48
export const PULL_RETRY_MS = 150

/** Two entries whose ages differ by less count as made at the same moment, ms: the smaller hash decides. */
export const SAME_AGE_MS = 2_000

/** How often entries that belong elsewhere are looked for, ms, and how many are brought there at a time. */
export const REHOME_PERIOD_MS = 1_000
export const REHOME_BATCH = 32

/** How often the owner of an entry that gave way is told, and the pause in between, ms: the ring may just be healing. */
export const TELL_LOSER_TRIES = 8
export const TELL_LOSER_PAUSE_MS = 1_500

/** Patience of a coordinator for the other replica, of a client for one attempt and for the whole operation, ms. */
export const REPLICATE_TIMEOUT_MS = 800
export const ATTEMPT_TIMEOUT_MS = 1_500
export const OPERATION_DEADLINE_MS = 10_000
/** First and longest pause between a client's attempts, ms. */
export const BACKOFF_MIN_MS = 40
export const BACKOFF_MAX_MS = 800
