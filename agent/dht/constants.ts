/** Every number of the DHT, with its unit and its reason. */

/** Largest value, bytes: strangers store our entries. Largest application key, bytes: a hash of up to 512 bits. */
export const MAX_VALUE_BYTES = 1024
export const MAX_KEY_BYTES = 64
/** Longest time-to-live, ms: a week, so that nothing stays for good. */
export const MAX_TTL_MS = 7 * 24 * 3_600_000
/**
 * A replica keeps an entry for this much of what its owner asked for: the owner lets go first also when its clock is 1 %
 * slow and the replica's 1 % fast (1.01 / 0.99, and some room for rounding).
 */
export const KEPT_LONGER = 1.021
/**
 * Entries that one node keeps in all: about 50 MB when every value is as large as it may be. Of these at most so many
 * that one linked node brought, and so many of them in the name of one publisher.
 */
export const MAX_ENTRIES = 32_768
export const MAX_ENTRIES_PER_LINK = 16_384
export const MAX_ENTRIES_PER_PUBLISHER = 4_096
/** Changes that need not be verified again; what an entry keeps of one is the same copy. 5 MB when all are as large as may be. */
export const PROOFS_REMEMBERED = 4_096

/**
 * A deletion is remembered at least this long, ms, and as long as the entry would have lived: neither a replica that
 * missed it, nor a create that it overtook, nor anybody who kept the entry brings it back.
 */
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

/** A hole is filled with an entry that a reader found elsewhere when at least this is left of it, ms. */
export const REPAIR_MIN_TTL_MS = 5_000
/** The largest serial of a change: what 48 bits hold. */
export const MAX_SERIAL = 2 ** 48 - 1
/** A client signs a change again at most so often when a newer one of the same holder stands. */
export const MAX_SIGNINGS = 4

/** How often the owner of an entry that gave way is told, and the pause in between, ms: the ring may just be healing. */
export const TELL_LOSER_TRIES = 8
export const TELL_LOSER_PAUSE_MS = 1_500
/** Owners that are told at the same time of what came over one link, and those that are told again in all. */
export const TELL_LOSERS_PER_LINK = 32
export const TELL_LOSERS_AGAIN = 16

/** How often the other replica is told that both have an entry. */
export const TELL_ACCEPTED_TRIES = 3

/** What one replica asks the other: nobody else may answer, ms. */
export const REPLICA_REQUEST = { delivery: 'exact', timeoutMs: 800 } as const
/** Patience of a client for one attempt and for the whole operation, ms. */
export const ATTEMPT_TIMEOUT_MS = 1_500
export const OPERATION_DEADLINE_MS = 10_000
/** Attempts that an operation has time for where answers are slow. */
export const ATTEMPTS = 5
/** First and longest pause between a client's attempts, ms. */
export const BACKOFF_MIN_MS = 40
export const BACKOFF_MAX_MS = 800
