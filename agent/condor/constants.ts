/** Every number of the election, with its unit and its reason. */

/** The manager's entry lives this long without being renewed, ms: how long a pool waits for a manager that died. */
export const MANAGER_TTL_MS = 30_000
/**
 * A manager that could not renew demotes itself this long after it *sent* what was accepted last, ms: before the replicas
 * let go, also when its clock is slow by a twentieth.
 */
export const DEMOTE_AFTER_MS = 28_000
/** A manager renews so often, the others of a small pool look so often, ms: two attempts may fail. */
export const RENEW_PERIOD_MS = 10_000
/** A pool of so many hosts looks at the full rate; in a larger one each looks less often, so that the sum stays the same. */
export const FULL_RATE_HOSTS = 50
/** However large the pool, nobody looks less often, ms. */
export const LOOK_PERIOD_MAX_MS = 120_000
/** After the DHT gave no answer, ms. */
export const RETRY_MS = 2_000
/** Somebody holds the role and asks for its term; and who may not lead waits for one who does: looked at again, ms. */
export const CAMPAIGN_LOOK_MS = 500
/** An entry is looked for this long after it must have expired, ms. */
export const EXPIRY_GRACE_MS = 200
/** Who finds no manager waits a random part of this before it offers itself, ms: so much, and more for each host. */
export const SPREAD_MS = 300
export const SPREAD_PER_HOST_MS = 10
/** After a campaign that came to nothing, ms, random. */
export const REPEAT_MS = 1_000
/** A term is asked for only while this much of the role is left, ms: no DHT operation takes longer. */
export const CAMPAIGN_RESERVE_MS = 11_000
/** A machine on battery leaves the role to others for so long, ms. */
export const BATTERY_PATIENCE_MS = 5_000
/** So does one that just came up, ms, the less the longer it has been up; after `SETTLED_MS` not at all. */
export const YOUNG_PATIENCE_MS = 2_000
export const SETTLED_MS = 600_000
/** The last term outlives every manager, ms: a pool that was off for a day goes on counting. */
export const TERM_TTL_MS = 24 * 3_600_000
/** A node that has lost all others at once was probably asleep, and they have a manager: it looks for them first, ms. */
export const DESERTED_PATIENCE_MS = 20_000
