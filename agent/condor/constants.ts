/** Every number of the election, with its unit and reason. */

/** How long the manager's entry lives without renewal, ms: a pool waits this long for a manager that died. */
export const MANAGER_TTL_MS = 30_000
/**
 * A manager that cannot renew demotes itself this long after it *sent* the last accepted request, ms: before the
 * replicas let go, even when its clock is slow by a twentieth.
 */
export const DEMOTE_AFTER_MS = 28_000
/** How often a manager renews and the other hosts of a small pool look, ms: two renewals may fail. */
export const RENEW_PERIOD_MS = 10_000
/** Up to this many hosts all look at the full rate; in a larger pool each looks less, so the total stays the same. */
export const FULL_RATE_HOSTS = 50
/** The longest pause between a host's looks, however large the pool, ms. */
export const LOOK_PERIOD_MAX_MS = 120_000
/** Pause after the DHT gave no answer, ms. */
export const RETRY_MS = 2_000
/** Pause between looks while a new manager draws its term, or while a node that may not lead waits for one, ms. */
export const CAMPAIGN_LOOK_MS = 500
/** How long after an entry must have expired a node looks again, ms. */
export const EXPIRY_GRACE_MS = 200
/** A node that finds no manager waits a random part of this before it campaigns, ms: a base, and more for each host. */
export const SPREAD_MS = 300
export const SPREAD_PER_HOST_MS = 10
/** Longest random pause after a failed campaign, ms. */
export const REPEAT_MS = 1_000
/** A node draws a term only while it holds the role for at least this long, ms: no DHT operation takes longer. */
export const CAMPAIGN_RESERVE_MS = 11_000
/** How long a machine on battery leaves the role to others, ms. */
export const BATTERY_PATIENCE_MS = 5_000
/** How long a machine that just booted does so, ms; this falls to zero as its uptime nears `SETTLED_MS`. */
export const YOUNG_PATIENCE_MS = 2_000
export const SETTLED_MS = 600_000
/** How long the last term lives without renewal, ms: it outlives managers, so a pool that was off goes on counting. */
export const TERM_TTL_MS = 24 * 3_600_000
/** How long a node that lost all others at once seeks them first, ms: it probably slept, and they have a manager. */
export const DESERTED_PATIENCE_MS = 20_000
