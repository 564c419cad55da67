/** Every number of the node sessions, with its unit and reason. Sizes are bytes. */

/** The largest datagram that fits every path: IPv6 carries packets of 1,280 bytes, 48 of them headers (RFC 8200 section 5). */
export const MAX_DATAGRAM = 1_232

/** Wait for the answer to the first message; a datagram over an ocean and back takes 300 ms. Doubles each time. */
export const FIRST_ANSWER_MS = 300
/** A peer that is busy with others answers no faster. */
export const SHORTEST_ANSWER_MS = 100
export const LONGEST_ANSWER_MS = 2_000
/** How long a handshake may take: six tries, so it succeeds in 97 of 100 cases where every third datagram is lost. */
export const HANDSHAKE_LIMIT_MS = 8_000
/** Cookies that one handshake takes. A second is due when the secret changes; more come from somebody who plays with us. */
export const MAX_COOKIES = 3

/** First messages taken a second without a cookie, and half-open handshakes above which each one needs a cookie. */
export const FREE_HANDSHAKES_PER_S = 100
export const FREE_HALF_OPEN = 128
/** First messages with a right MAC looked at a second. One costs 9 µs more, with a cookie sent back; the rest is dropped unread. */
export const FIRST_MESSAGES_PER_S = 20_000
/** First messages taken a second at most. Each costs about a millisecond, so a flood takes no more than a third of a core. */
export const HANDSHAKES_PER_S = 300
/** The same from one network (an IPv4 address, an IPv6 /64): many nodes may share a NAT, or a test machine. */
export const HANDSHAKES_PER_NETWORK_PER_S = 100
/** Networks whose rate is known; then the one that was silent longest is forgotten. */
export const MAX_NETWORKS = 1_024
/** Half-open handshakes; then the oldest gives way. One costs 8 KB, most of it OpenSSL's. */
export const MAX_HALF_OPEN = 512
/** Sessions that others may open; the ring decides much earlier which links to keep. */
export const MAX_INCOMING_SESSIONS = 4_096
/** The secret behind cookies changes this often; the one before it still counts. */
export const COOKIE_SECRET_MS = 120_000

/** Keys are renewed when they are so old, or sealed or opened so many records: what leaks with a key is 10 minutes. */
export const REKEY_AFTER_MS = 600_000
export const REKEY_AFTER_RECORDS = 2 ** 26
/** Pause after a renewal that failed. */
export const REKEY_AGAIN_AFTER_MS = 30_000
/** Keys so old, or used for so many records, end the session. */
export const KEYS_END_AFTER_MS = 1_800_000
export const KEYS_END_AFTER_RECORDS = 2 ** 30
/** How long records under the former keys are still opened; none is on its way for longer. */
export const FORMER_KEYS_MS = 10_000

/**
 * Silences that are tried, ms, after which NATs and firewalls may still let answers in, and the one assumed before any was proven; see
 * keep-alive.ts.
 */
export const SILENCES_MS: readonly number[] = [10_000, 20_000, 40_000, 80_000]
export const ASSUMED_SILENCE_MS = 20_000
/** Share of that silence after which something is said on a link: the answer, or a second try, comes in time. */
export const SPEAK_AFTER_SHARE = 0.75
/** Shares after which a session says that it is there, at random between the two: later than the owner of a link asks. */
export const KEEP_ALIVE_SHARES = { least: 0.85, most: 0.9 }
/** How often a session looks at least whether the silence allowed has become shorter, ms. */
export const LOOK_MS = 20_000
/** A session that heard nothing for so long is dead: three keep-alives of the rarest were lost. */
export const SILENCE_LIMIT_MS = 240_000
/** The first measurement comes so long after the start, ms: a node that joins has other things to do. */
export const PROBE_FIRST_MS = 30_000
/** How long an answer at once may take, ms, how often it is asked for, and how much later than due a late one may come, ms. */
export const PROBE_ANSWER_MS = 2_000
export const PROBE_TRIES = 3
export const PROBE_LATE_MS = 3_000
/** How long a probe speaks with its witness before the silence, ms: Linux takes a flow of more than 2 s for a lasting one. */
export const PROBE_TALK_MS = 3_000
/** Pause after a measurement without a witness that answers, ms. */
export const WITNESS_AGAIN_MS = 60_000
/** Losses in a row that count as one: a datagram in fifty may be lost anyway. */
export const SILENCE_LOSSES = 2
/** How often what is proven is proven again, ms; and pauses before a silence that was too long is tried again. */
export const PROVE_AGAIN_MS = 900_000
export const LONGER_AGAIN_MIN_MS = 600_000
export const LONGER_AGAIN_MAX_MS = 86_400_000
/** The latest answer that a peer may ask for, s, and how often it may ask, ms. */
export const LATER_MAX_S = 600
export const LATER_SPACING_MS = 1_000
/** How long a session stays beside the one that its peer opened elsewhere: longer than a witness needs to tell two nodes apart. */
export const BESIDE_MS = 2_000
/**
 * A peer that is said to be gone (ICMP) is asked so often, and has so long to answer, ms, or as many round trips where those take
 * longer. Anybody may say so: it is heard once in the spacing, ms.
 */
export const REFUSAL_TRIES = 3
export const REFUSAL_LIMIT_MS = 400
export const REFUSAL_SPACING_MS = 2_000
/** For so long after its end a session answers each record with one that says so, not more often than the spacing. */
export const LINGER_MS = 10_000
export const FAREWELL_SPACING_MS = 200

/** A new endpoint has so long to answer a challenge before another endpoint, or itself again, is challenged. */
export const CHALLENGE_LIMIT_MS = 1_000
/**
 * Two NATs, one of which gives each far end a port of its own: so many sockets open so many ports of it, and the other side tries random
 * ports, 17 bytes each. Both sides send so many probes a second at most, for so long. One try in a hundred finds no port: the
 * expected number of hits is 0.01 s times the sum of the ports that are open by then / 64,512, which comes to 4.7.
 */
export const FAN_SOCKETS = 400
export const PROBES_PER_S = 100
export const FAN_LIMIT_MS = 10_000
/** Sockets beside the main one, each for one peer; with a fast path each has a thread. */
export const MAX_SIDE_SOCKETS = 16

/** Payloads kept for a session whose owner has not set `onPayload` yet. */
export const EARLY_PAYLOADS = 64

/**
 * What a node carries for others, bytes a second, in all and for one link, and how many seconds' worth at once: enough for
 * a desktop's jobs and files, and half of the line of a node with 100 Mbit/s.
 */
export const RELAY_BYTES_PER_S = 6_000_000
export const RELAY_LINK_BYTES_PER_S = 3_000_000
export const RELAY_BURST_S = 1
