/** Every number of the control stream, with its unit and reason. Sizes are bytes. */

/**
 * How far the peer may send beyond what we have read. A lost segment holds the reader up for one more round trip, so
 * the rate is about half of this a round trip: 84 Mbit/s at 50 ms. It is also the most that a peer can make us hold
 * beside one frame.
 */
export const RECEIVE_WINDOW = 1024 * 1024
/** Holes that a receiver remembers in the bytes that arrived. Data that would make another one is dropped. */
export const MAX_HOLES = 256
/** Ranges of segment numbers that a receiver remembers and an acknowledgement names: the newest ones. */
export const MAX_ACK_RANGES = 32

/** Bulk frames are refused while more than this waits: a third of a second at 12 Mbit/s; more is only late. */
export const BULK_BACKLOG = 512 * 1024
/** Control frames are refused while more than this waits. */
export const CONTROL_BACKLOG = 4 * 1024 * 1024
/** What a waiting frame costs beside its bytes: its array and its place in a queue. */
export const FRAME_COST = 128

/** The longest that an acknowledgement waits for company, ms (RFC 9000 section 18.2). */
export const MAX_ACK_DELAY_MS = 25
/** So many segments are acknowledged at once (RFC 9000 section 13.2.2). */
export const ACK_EVERY = 2

/** A segment is lost when one that was sent so many later has arrived (RFC 9002 section 6.1.1). */
export const PACKET_THRESHOLD = 3
/** Or when one sent later has arrived, and it is older than this many round trips (RFC 9002 section 6.1.2). */
export const TIME_THRESHOLD = 9 / 8
/** The most that these become on a path that reorders. */
export const MAX_PACKET_THRESHOLD = 128
export const MAX_TIME_THRESHOLD = 2
/** The least time until such a loss, ms: what timers can tell apart (RFC 9002 section 6.1.2). */
export const GRANULARITY_MS = 1
/** The first probe timeout, ms. RFC 9002 takes a second; most paths are faster, and a needless probe costs a segment. */
export const FIRST_TIMEOUT_MS = 300
/** The longest probe timeout, ms: a path that works again is used within this. */
export const LONGEST_TIMEOUT_MS = 2_000
/** Segments sent at a probe timeout (RFC 9002 section 6.2.4). */
export const PROBES = 2
/** The stream is broken when nothing that waits for an answer was acknowledged for this long, ms, … */
export const SILENCE_LIMIT_MS = 15_000
/** … and so many probe timeouts have passed: a machine that slept gets time to ask again. */
export const SILENCE_PROBES = 5

/** The congestion window at the start and at least, in segments (RFC 9002 section 7.2). */
export const INITIAL_WINDOW = 10
export const MINIMUM_WINDOW = 2
/** Probe timeouts in a row after which the window starts again at its least (RFC 9002 section 7.6.1). */
export const PERSISTENT_CONGESTION = 3

/** How much faster than one window a round trip segments leave: in slow start, and later (RFC 9002 section 7.7). */
export const SLOW_START_PACE = 2
export const PACE = 1.25
/** Segments that may leave at once (RFC 9002 section 7.7). */
export const BURST = 10
/** Timers of a busy process are late by about this, ms; so much may leave at once as well. */
export const PACE_QUANTUM_MS = 2

/** Delay above the path's least that counts as a queue: an eighth of it, within these, ms (RFC 9406 section 4.3). */
export const QUEUE_SHARE = 1 / 8
export const MIN_QUEUE_MS = 4
export const MAX_QUEUE_MS = 16
/** Samples of a round before it can tell of a queue (RFC 9406 section 4.3). */
export const ROUND_SAMPLES = 8
/** A path's least delay is measured again after this, ms, and forgotten after twice as long. */
export const LEAST_DELAY_FOR_MS = 30_000
/** A share of lost segments above this is congestion even without a queue: buffers may be short, or a rate be policed. */
export const MAX_RANDOM_LOSS = 0.1
/** Weight of one segment in the share of lost segments. */
export const LOSS_WEIGHT = 1 / 64
