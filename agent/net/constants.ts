/** Every number of the data path, with its unit and reason. */

import type { Mac } from '../core/ip.ts'

/** The agent's own station on every tap (locally administered, "WOW"): answers ARP and DHCP, takes packets for peers. */
export const AGENT_MAC = '02:57:4f:57:00:01' as Mac

/** How long a resolved address is believed, ms. A peer that says "not mine" or cannot be reached ends it at once. */
export const POSITIVE_TTL_MS = 60_000
/** An entry in use is asked for again when this much of its life has passed. */
export const REFRESH_AT = 0.75
/** How long "nobody holds it" is believed, ms: short, because the address may be leased the next moment. */
export const NEGATIVE_TTL_MS = 2_000
/** While the DHT cannot answer, an address that worked is believed on, up to this age, ms. */
export const STALE_LIMIT_MS = 300_000
/** Pause before asking again when the DHT could not answer, ms. */
export const REFRESH_RETRY_MS = 5_000
/** Addresses remembered at most; beyond it the dead ones are swept out. */
export const RESOLVER_ENTRIES = 16_384
/** Gets under way at once: a port scan of the pool must not become a flood on the ring. */
export const RESOLVER_CONCURRENCY = 64

/** Packets that wait for a resolution, a handshake or a check of their source, per address or peer (issue: briefly). */
export const HOLD_PACKETS = 32
export const HOLD_MS = 3_000
/** Addresses that packets may wait for at once. */
export const HOLD_ADDRESSES = 256

/** Longest batch for one peer, bytes: under the link's largest frame, small enough to be fair. */
export const BATCH_BYTES = 60_000

/** A hello is repeated this often, ms, up to HELLO_TRIES times; then the peer counts as unreachable. */
export const HELLO_RETRY_MS = 400
export const HELLO_TRIES = 6
/** A peer begins no handshake sooner after its last one, ms: it has a reason to only every `BACKOFF_MIN_MS`. */
export const HANDSHAKE_SPACING_MS = 100
/** How long the carrier may take to reach the peer, ms. */
export const CONNECT_TIMEOUT_MS = 6_000
/** Pause before the next attempt after a peer was unreachable, ms: doubles from the first to the last. */
export const BACKOFF_MIN_MS = 500
export const BACKOFF_MAX_MS = 5_000
/** Pause after a peer failed to prove membership, ms. */
export const REFUSED_BACKOFF_MS = 10_000

/** Heartbeat while traffic flows, ms; silence this long then counts as unreachable. */
export const HEARTBEAT_MS = 2_000
export const SILENCE_MS = 7_000
/** Traffic older than this is not "flowing", ms. */
export const ACTIVE_MS = 10_000
/** A tunnel without traffic is forgotten after this, ms. */
export const TUNNEL_IDLE_MS = 600_000
/** Tunnels at most: one per peer with which packets flow. */
export const TUNNELS = 4_096
/** "Not mine" and "unknown session" go to one peer at most this often, ms. */
export const COMPLAINT_MS = 200

/** Bytes under way to one peer: from a window that starts any connection to one that fills 300 Mbit/s over 100 ms. */
export const WINDOW_MIN_BYTES = 128 * 1024
export const WINDOW_MAX_BYTES = 4 * 1024 * 1024
/** Growth of the window in each round trip, bytes, once it has found its size. */
export const WINDOW_STEP_BYTES = 32 * 1024
/** Queueing that is tolerated on the way to a peer, ms: under the ring's patience with a neighbour, over Node's jitter. */
export const WINDOW_TARGET_MS = 100
/** The best round trip is measured anew after this, ms: the path may have become longer. */
export const WINDOW_BASE_LIFE_MS = 60_000
/** Data is acknowledged each time this much arrived, bytes. */
export const ACK_BYTES = 32 * 1024
