/** Every number of the overlay, with its unit and reason. */

/** Near links on each side: the neighbour, and a spare that takes over at once when the neighbour dies. */
export const NEAR_PER_SIDE = 2

/** How often a silent neighbour is pinged, ms. Two pings fit into `NEIGHBOR_DEAD_AFTER_MS`. */
export const PING_NEIGHBOR_MS = 700
/** Silence after which a neighbour counts as dead, ms: "noticed in about 2 s". */
export const NEIGHBOR_DEAD_AFTER_MS = 2_000
/** A spare may have been silent for longer when it becomes the neighbour: it gets this long to answer a ping, ms. */
export const NEIGHBOR_ANSWERS_WITHIN_MS = 600
/**
 * How long any other link may be silent before the peer is asked, ms, where the link does not know better (`Link.quietMs`), and how
 * long it may then go on being silent: only neighbours decide where an entry lives, so other links can wait longer.
 */
export const PING_LINK_MS = 15_000
export const LINK_ANSWERS_WITHIN_MS = 25_000
/** After so many pings of the other end a node asks by itself: it measures the round trip, too. */
export const MEASURE_AGAIN_PINGS = 40
/** When an answer is missing on a link, the peer is pinged at once, and is dead after this much more silence, ms. */
export const SUSPECT_DEAD_AFTER_MS = 2_000
/** Links are checked every `BEAT_MS`. A check so much too late, ms, means that this process stood still, not its peers. */
export const STALL_MS = 1_000

/**
 * How often neighbours repeat their view to each other after it has changed, ms: repairs a lost message, costs about 300
 * bytes. Each pause is twice the one before, up to so many periods: a pong tells of a lost status too.
 */
export const STATUS_PERIOD_MS = 10_000
export const STATUS_MAX_PERIODS = 8
/** How often a node looks itself up through a random link, ms: finds a neighbour that nobody told it of. */
export const SELF_LOOKUP_PERIOD_MS = 30_000
/** How often a node that is still looking for its place asks again, ms. */
export const JOIN_LOOKUP_PERIOD_MS = 1_000
/**
 * How often far links are counted, and drawn, ms. After so many draws in a row that led to no new node rounds are left out, so many at
 * the most: soon at rest, but not before a small ring has linked its nodes, which makes it quick.
 */
export const FAR_PERIOD_MS = 5_000
export const FAR_VAIN_FREE = 6
export const FAR_ROUNDS_MAX = 31
/** How long a link stays open after neither end wants it, ms. */
export const LINK_GRACE_MS = 15_000
/** How long an on-demand link without traffic is kept, ms. */
export const ON_DEMAND_IDLE_MS = 120_000

/** First and longest pause before a candidate for a near link is dialled again, ms. */
export const REDIAL_MIN_MS = 250
export const REDIAL_MAX_MS = 8_000
/**
 * A node that a neighbour names and that cannot be reached for so long, ms, is taken for one that is not there: some
 * attempts by every way, each of up to `DIAL_TIMEOUT_MS`.
 */
export const GHOST_MS = 12_000
/** A single attempt to open a link, ms. */
export const DIAL_TIMEOUT_MS = 5_000
/** Head start of one way to a peer before the next is tried in parallel, ms: most dials that work are done by then. */
export const HEAD_START_MS = 600
/** Through so many peers a node is tried that none of them named, when it cannot be reached otherwise. */
export const MAX_RELAYS_TRIED = 4
/** How long to wait for a peer that was asked to dial us, ms. */
export const DIAL_BACK_TIMEOUT_MS = 5_000
/** First and longest pause between rounds over the bootstrap addresses, ms. */
export const BOOTSTRAP_RETRY_MIN_MS = 300
export const BOOTSTRAP_RETRY_MAX_MS = 10_000
/** How long a node that lost its last link seeks the ring before it becomes a ring of one, ms. */
export const ALONE_AFTER_MS = 15_000

/** First and longest pause between attempts to replace a relayed link with a direct one, ms. */
export const UPGRADE_MIN_MS = 3_000
export const UPGRADE_MAX_MS = 300_000
/** The same for a direct link over TCP and one over UDP; the first comes before the first attempt. */
export const RECARRY_MIN_MS = 10_000
export const RECARRY_MAX_MS = 3_600_000
/** Peers of which the pause is known after their link over TCP has ended; then the one whose link is oldest is forgotten. */
export const MAX_RECARRIES = 1_024

/** How many silent neighbours are retried, for how long and how often, ms: a ring heals within the longest pause. */
export const LOST_KEPT = 8
export const LOST_KEPT_MS = 900_000
export const LOST_RETRY_MIN_MS = 1_000
export const LOST_RETRY_MAX_MS = 6_000

/**
 * Mean pause between a node's probes for another ring in a ring of up to 15 nodes, ms, and the rate of probes by all
 * nodes together in a larger one: each probe costs a bootstrap node about 25 ms of CPU.
 */
export const PROBE_MIN_MS = 15_000
/** How rarely at most, ms: a size that somebody made up must not end the search. */
export const PROBE_MAX_MS = 86_400_000
export const PROBES_PER_SECOND = 1
/** For so long an endpoint that led to a node is not dialled again while that node is in this ring, ms: another may be there. */
export const LED_TO_MS = 600_000
/** How many endpoints of nodes once met are kept for probes. */
export const RENDEZVOUS_KEPT = 64

/** A node not correctly connected for longer than this, ms, was cut off and must verify what it holds. */
export const CUT_OFF_AFTER_MS = 1_000

/** How long a node that does not do a neighbour's share is shunned, ms, and how many such nodes are remembered. */
export const SHUN_MS = 600_000
export const MAX_SHUNNED = 64

/** Peers of a full node, which accepts links only from would-be neighbours. Below libp2p's limit. */
export const MAX_PEERS = 1_500
/**
 * Frames per second that a node accepts from one peer, answers and datagrams aside, and how many seconds' worth may
 * come at once. A stranger's share costs about a twentieth of a core when every frame carries a signature to verify.
 */
export const STRANGER_FRAMES_PER_S = 500
export const WANTED_FRAMES_PER_S = 5_000
export const BURST_S = 4
/** How many nodes are dialled at once on one peer's word, and how many of them may be out of reach in one window, ms. */
export const MAX_NAMED_DIALS = 4
export const MAX_FALSE_NAMES = 16
export const FALSE_NAMES_WINDOW_MS = 60_000
/** How many dials requested by others may run at once, in all and of requests that came over one link. */
export const MAX_DIAL_BACKS = 32
export const MAX_DIAL_BACKS_PER_LINK = 8

/** Greedy routing needs O(log² n / k) hops (paper section 4): about 10 at n = 10,000. */
export const HOP_LIMIT = 40
/** Default wait for an answer, ms; well above a round trip through a handful of wide-area hops. */
export const REQUEST_TIMEOUT_MS = 3_000
/** Share of its own patience that a node passes on: the node next to a fault gives up first and reports it. */
export const HOP_PATIENCE = 0.9
/** The most patience, ms, that a node has with a request of others: a forwarded one takes up room as long. */
export const MAX_PATIENCE_MS = 8_000
/** What a round trip to a linked node, and one through the ring, is taken for before any was measured, ms. */
export const FIRST_ROUND_TRIP_MS = 500
export const FIRST_ROUTED_ROUND_TRIP_MS = 1_500
/** The longest that answers of a linked node are taken to need, ms: one that never answers must show that it does not. */
export const MAX_ANSWER_MS = MAX_PATIENCE_MS / 2
/** Requests that were given up, of which a late answer is still measured. */
export const MAX_OVERDUE = 64
/** A linked node answers within its round trip and this much of it: it may have something to work on first. */
export const ANSWER_SLACK = 1.5
/** Requests of others that one node forwards at the same time, in all and for one link; more fail at once. */
export const MAX_FORWARDS = 10_000
export const MAX_FORWARDS_PER_LINK = 512
/**
 * The largest body of a forwarded request, and of its answer, bytes: an entry with all its signatures is under 2 KiB, the
 * contacts of a neighbourhood under 11 KiB. Only neighbours hand over more, and nobody forwards that.
 */
export const MAX_FORWARDED_REQUEST = 4 * 1024
export const MAX_FORWARDED_ANSWER = 16 * 1024

/** Endpoints in a contact, and bytes in an endpoint (a circuit multiaddr with two peer ids has about 150). */
export const MAX_ENDPOINTS = 8
export const MAX_ENDPOINT_BYTES = 255

/** How long a superfluous second link to a peer is kept, so that frames in flight on it still arrive, ms. */
export const LINGER_MS = 1_000
