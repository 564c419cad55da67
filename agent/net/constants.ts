/** Every number of the data path, with its unit and reason. */

import type { Mac } from '../core/ip.ts'

/** The agent's MAC on every tap (locally administered, "WOW"): it answers ARP and DHCP and takes packets for peers. */
export const AGENT_MAC = '02:57:4f:57:00:01' as Mac

/** How long a resolved address is believed without another question, ms, unless the peer says "not mine" or cannot be reached. */
export const POSITIVE_TTL_MS = 60_000
/** An entry in use is refreshed when this share of its lifetime has passed. */
export const REFRESH_AT = 0.75
/** How long "nobody holds it" is believed, ms: short, because the address may be leased the next moment. */
export const NEGATIVE_TTL_MS = 2_000
/** While the DHT is asked again, or cannot answer, an address that worked stays valid up to this age, ms. */
export const STALE_LIMIT_MS = 300_000
/** Pause before asking again when the DHT could not answer, ms. */
export const REFRESH_RETRY_MS = 5_000
/** The most addresses remembered; when it is reached, the dead ones are swept out. */
export const RESOLVER_ENTRIES = 16_384
/** The most Gets in flight: a scan of the pool must not become a flood on the ring. */
export const RESOLVER_CONCURRENCY = 64

/** How many packets wait for a resolution, a handshake or a source check, per address or peer, and how long, ms. */
export const HOLD_PACKETS = 32
export const HOLD_MS = 3_000
/** The most addresses that packets wait for at once. */
export const HOLD_ADDRESSES = 256

/** Longest batch for one peer, bytes: below the link's largest frame, small enough to be fair. */
export const BATCH_BYTES = 60_000

/** Pause before a hello is repeated, ms. After `HELLO_TRIES` hellos the peer counts as unreachable. */
export const HELLO_RETRY_MS = 400
export const HELLO_TRIES = 6
/** Shortest interval between handshakes that a peer begins, ms: it has reason to only every `BACKOFF_MIN_MS`. */
export const HANDSHAKE_SPACING_MS = 100
/** How long the carrier may take to reach the peer, ms. */
export const CONNECT_TIMEOUT_MS = 6_000
/** First and longest pause before the next attempt to reach an unreachable peer, ms. */
export const BACKOFF_MIN_MS = 500
export const BACKOFF_MAX_MS = 5_000
/** Pause after a peer failed to prove membership, ms. */
export const REFUSED_BACKOFF_MS = 10_000

/** Heartbeat period while traffic flows, ms, and the silence after which the peer counts as unreachable, ms. */
export const HEARTBEAT_MS = 2_000
export const SILENCE_MS = 7_000
/** How often tunnels look whether a heartbeat, a probe or anything else is due, ms. */
export const TICK_MS = 500
/** Traffic "flows" until this long after the last packet sent, ms. */
export const ACTIVE_MS = 10_000
/** A tunnel without traffic is forgotten after this, ms. */
export const TUNNEL_IDLE_MS = 600_000
/** The most tunnels: one per peer with which packets flow. */
export const TUNNELS = 4_096
/** Shortest interval between complaints ("not mine", "unknown session") to one peer, ms. */
export const COMPLAINT_MS = 200

/** Bytes in flight to one peer: from a window that starts any connection to one that fills 300 Mbit/s over 100 ms. */
export const WINDOW_MIN_BYTES = 128 * 1024
export const WINDOW_MAX_BYTES = 4 * 1024 * 1024
/** Growth of the window per round trip after slow start, bytes. */
export const WINDOW_STEP_BYTES = 32 * 1024
/** Queueing tolerated on the way to a peer, ms: below the ring's patience with a neighbour, above Node's jitter. */
export const WINDOW_TARGET_MS = 100
/** The best round trip is measured anew after this, ms: the path may have become longer. */
export const WINDOW_BASE_LIFE_MS = 60_000
/** Data is acknowledged each time this many bytes have arrived. */
export const ACK_BYTES = 32 * 1024

/** How often the fast path's tables are brought in line with the leases, ms: well below `ABSENT_AFTER_MS`. */
export const PERMIT_PERIOD_MS = 300
/** The longest packet that goes in one record on any path: a UDP datagram of 1,232 bytes fits 1,280 of IPv6. */
export const SAFE_PACKET = 1_202
/** A lane's keys are renewed when they are so old, ms, or have sealed so many records (NIST SP 800-38D allows 2^32). */
export const LANE_KEYS_MS = 600_000
export const LANE_KEYS_RECORDS = 2 ** 28
/** How long records under a lane's former keys are opened, ms. */
export const FORMER_LANE_MS = 10_000
/** An offer of a lane is repeated after this, ms; one is lost when the link is full. */
export const LANE_OFFER_AGAIN_MS = 2_000
/** How often a lane in use is probed, ms; how often with a record of full length; and the silence after which it is left. */
export const PROBE_MS = 500
export const PROBE_LENGTH_MS = 5_000
export const LANE_SILENCE_MS = 1_000
/** So many probes of full length are lost before packets are sent in halves. */
export const LENGTH_PROBES = 3
