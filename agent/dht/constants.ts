/** Every number of the DHT, with its unit and reason. */

/** Largest value, bytes: strangers store our entries. Largest application key, bytes: a hash of up to 512 bits. */
export const MAX_VALUE_BYTES = 1024
export const MAX_KEY_BYTES = 64
/** Longest time-to-live, ms: a week, so that no entry stays for good. */
export const MAX_TTL_MS = 7 * 24 * 3_600_000
/**
 * A replica keeps an entry for this multiple of the time its owner asked for. So the owner lets go first even when its
 * clock is 1 % slow and the replica's 1 % fast (1.01 / 0.99, and some room for rounding).
 */
export const KEPT_LONGER = 1.021
/**
 * The most entries that one node keeps: about 50 MB when every value has the largest size. Then the most of them
 * brought by one linked node, and the most of those in one publisher's name.
 */
export const MAX_ENTRIES = 32_768
export const MAX_ENTRIES_PER_LINK = 16_384
export const MAX_ENTRIES_PER_PUBLISHER = 4_096
/** How many verified changes are remembered. Entries share these copies. About 5 MB when all have the largest size. */
export const PROOFS_REMEMBERED = 4_096

/**
 * A deletion is remembered at least this long, ms, and as long as the entry would have lived. So the entry cannot come
 * back from a replica that missed the deletion, a create that it overtook, or any node that kept the entry.
 */
export const TOMBSTONE_MS = 60_000
/**
 * The longest time-to-live of a claim, ms: the first change to a free key, which its holder need not answer a challenge
 * for. It covers the offer of an address to a DHCP client.
 */
export const CLAIM_TTL_MS = 60_000
/** How long a challenge may be answered, ms: no longer than a deletion is remembered. */
export const CHALLENGE_MS = TOMBSTONE_MS
/** The length of a challenge's authentication code, bytes: HMAC-SHA256, cut in half. */
export const CHALLENGE_MAC_BYTES = 16
/**
 * How long it is remembered that an entry ended by itself, ms, and of how many sub-keys at most (about 4 MB). Meanwhile
 * claims there need an answered challenge, so a claim that is replayed keeps its key from others once an hour.
 */
export const ENDING_MS = 3_600_000
export const ENDINGS_REMEMBERED = 32_768
/** How long a node keeps entries that a new neighbour took over, ms: the neighbour may vanish again. */
export const RETAIN_MS = 60_000
/** How often expired and retained entries are swept, ms. */
export const SWEEP_PERIOD_MS = 10_000
/** When no holder of a range is left, its entries are lost; the range is served again after this, ms. */
export const ORPHAN_GRACE_MS = 5_000
/** Entries per page of a handover, and the pause before a retry, ms. */
export const PAGE_ENTRIES = 48
export const PULL_RETRY_MS = 150
/** A linked neighbour that answers nothing of a takeover for so long never will, ms. One that is slow answers something. */
export const SILENT_NEIGHBOR_MS = 8_000

/** Entries whose ages differ by less than this, ms, count as equally old: the smaller holder key decides. */
export const SAME_AGE_MS = 2_000

/** How often a node looks for entries that belong elsewhere, ms, and how many it hands over at a time. */
export const REHOME_PERIOD_MS = 1_000
export const REHOME_BATCH = 32

/** A reader repairs a missing copy only when the entry has at least this long to live, ms. */
export const REPAIR_MIN_TTL_MS = 5_000
/** The largest serial of a change: what 48 bits hold. */
export const MAX_SERIAL = 2 ** 48 - 1
/** How many versions of a change a client submits while the same holder's newer changes make it stale. */
export const MAX_SIGNINGS = 4

/** How many times to tell the owner of an entry that gave way, and the pause between, ms: the ring may be healing. */
export const TELL_LOSER_TRIES = 8
export const TELL_LOSER_PAUSE_MS = 1_500
/** Owners that are told at the same time of what came over one link, and those that are told again in all. */
export const TELL_LOSERS_PER_LINK = 32
export const TELL_LOSERS_AGAIN = 16

/** How many times to tell the other replica that both have an entry. */
export const TELL_ACCEPTED_TRIES = 3

/** Options of a request from one replica to the other: no other node may answer. */
export const REPLICA_REQUEST = { delivery: 'exact', timeoutMs: 800 } as const
/**
 * How a shared ring is searched for the nodes beside a point: first hops that are asked; nodes on each side that must be
 * reached; rounds of asking them; and how long a link may take, ms, before its node counts as not there.
 */
export const BESIDE_WAYS = 4
export const BESIDE_PER_SIDE = 2
export const BESIDE_ROUNDS = 6
export const BESIDE_LINK_MS = 2_000
/** How long a client waits for one attempt and for the whole operation, ms. */
export const ATTEMPT_TIMEOUT_MS = 1_500
export const OPERATION_DEADLINE_MS = 10_000
/**
 * How much longer a change that a majority took is repeated to sub-keys that have not answered, and the pause between two
 * attempts, ms. Their arcs have new replicas by then. A lease that just three sub-keys have is lost with one of them.
 */
export const SPREAD_MS = 60_000
export const SPREAD_PAUSE_MS = 3_000
/** Attempts that an operation has time for where answers are slow. */
export const ATTEMPTS = 5
/** First and longest pause between a client's attempts, ms. */
export const BACKOFF_MIN_MS = 40
export const BACKOFF_MAX_MS = 800
