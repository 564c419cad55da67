/** Every number of the transport, with its unit and reason. Sizes are bytes. */

/** The stream that carries a link's frames. */
export const LINK_PROTOCOL = '/wow/link/1'
/** A stream that is opened and closed at once, to prove that a connection without a link is still alive. */
export const ALIVE_PROTOCOL = '/wow/alive/1'

/** Bulk frames are dropped while a link's backlog exceeds this: a third of a second at 12 Mbit/s; more is only late. */
export const BULK_BACKLOG = 512 * 1024
/** A link whose backlog would exceed this with a control frame is stuck; it is closed. */
export const CONTROL_BACKLOG = 4 * 1024 * 1024
/** Frames kept for a link whose owner has not set `onFrame` yet. */
export const EARLY_BACKLOG = 4 * 1024 * 1024
/** How long a closing link may take to hand over what was sent before `close`. */
export const FLUSH_LIMIT_MS = 1000
/** How long a session that a peer opened may be without a link: a dial that another one overtakes ends sooner. */
export const OPEN_LIMIT_MS = 3000

/** How long one `dial` may take, over all endpoints. */
export const DIAL_LIMIT_MS = 5000
/** How long an existing connection may take to open a link before new connections are tried. */
export const REUSE_LIMIT_MS = 1000
/** Head start of one endpoint before the next is tried (RFC 8305 section 5 recommends 250 ms). */
export const NEXT_ENDPOINT_AFTER_MS = 250
/** Head start of UDP before TCP until dials over UDP have been measured, and at most (RFC 8305 section 5). */
export const UDP_HEAD_START_MS = 250
/** Head start of UDP at least, however fast dials are: one lost datagram should not make every dial a double one. */
export const LEAST_HEAD_START_MS = 100
/** Pause between dials to the nodes that a name leads to. */
export const NAMED_HEAD_START_MS = 100
/** How long UDP goes on after TCP has failed: three tries and a slow answer. */
export const UDP_ALONE_MS = 1500
/** The same for an endpoint that a user gave, which the ring dials again and again: two tries. */
export const GIVEN_UDP_ALONE_MS = 400
/** Ports that are tried when one that is free over TCP is taken over UDP. */
export const MAX_PORT_PAIRS = 5
/** Head start of direct endpoints before relays are tried: a node that names relays is often behind a NAT, where they are silent. Relays start at once when all have failed. */
export const RELAY_HEAD_START_MS = 150
/** The same over UDP: a node that names relays is behind a NAT, which lets in few by themselves. */
export const UDP_RELAY_HEAD_START_MS = 50

/** Endpoints in one contact; more are not worth their bytes, and a stranger must not make us dial hundreds. */
export const MAX_ENDPOINTS = 8
/** The most direct endpoints among these when there are relayed ones too. */
export const MAX_DIRECT_ENDPOINTS = 6
/** The machine's addresses are read again when the last reading is older than this. */
export const INTERFACES_FOR_MS = 2000
/** The same for the addresses of the overlay's own taps. */
export const HIDDEN_FOR_MS = 100
/** How often a node tells its peers at most that it is reached in another way, ms: a peer's word can be the reason. */
export const REACH_SPACING_MS = 1000
/** Ports of one host that one contact makes this node dial, and addresses that one name in it stands for. */
export const MAX_PORTS_PER_HOST = 2
export const MAX_RESOLVED = 2
/** A name that takes longer, ms, is left out: the contact's other endpoints wait for it. */
export const NAME_LIMIT_MS = 1000

/** Links that one peer may hold with us. Two exist when both dial at once; more would be a fault or an attack. */
export const MAX_LINKS_PER_PEER = 4
/** Incoming links kept until the ring listens. */
export const MAX_WAITING_LINKS = 64

/** A connection without a link is closed when it has been unused for this long. */
export const IDLE_LIMIT_MS = 3000
/** How often connections without a link are checked: closed when unused, probed when a relay slot lives on them. */
export const SWEEP_PERIOD_MS = 30_000
/** How long such a probe may take. */
export const PROBE_LIMIT_MS = 10_000

/** Relays that know how to reach us. */
export const RELAY_SLOTS = 2
/** Pause before reserving after a slot was lost. */
export const RESERVE_AFTER_MS = 1000
/** Pause before reserving again after a relay refused. */
export const RESERVE_AGAIN_AFTER_MS = 30_000
/** The most reservations that this node grants. */
export const MAX_RESERVATIONS = 1000
/** Relayed connections that one peer may have open through, from or to us. */
export const MAX_RELAY_STREAMS = 300

/** libp2p refuses new connections above this; the ring decides much earlier which links to keep. */
export const MAX_CONNECTIONS = 2000
/** New connections per second from one IP address: many nodes may share a NAT, or a test machine. */
export const INBOUND_PER_HOST = 100
/** How long a dialling node may take to show the ring's key: a lost segment over an ocean costs two seconds. */
export const GATE_LIMIT_MS = 3000
/** Connections that may wait at the gate of a ring of its own; then the oldest is closed. A socket costs about 3 KB. */
export const MAX_AT_GATE = 1024
/** Incoming connections in the middle of their handshake. */
export const MAX_PENDING = 200

/** How long libp2p may take to stop; before that the links get half as long to flush. */
export const STOP_LIMIT_MS = 1000

/** A relayed link gets so long to become a direct one by a punch before many sockets are tried: a few round trips. */
export const FAN_AFTER_MS = 1000
/** How long the peer may take to say where it sends probes from: a round trip over an ocean, through a third node. */
export const AIM_LIMIT_MS = 3000
/** Pause before the next fan for a link for which one found nothing, or whose peer was busy, at first and at most. */
export const FAN_AGAIN_MIN_MS = 10_000
export const FAN_AGAIN_MAX_MS = 3_600_000
/** A peer has this node send probes at most so often: 1,000 of 45 bytes go out each time. */
export const SPRAY_SPACING_MS = 30_000

/**
 * When a relayed link's third nodes are measured first, and how long after that again, ms: not while a punch is tried, and rarely, as a
 * review costs some 2 KB.
 */
export const RELAY_FIRST_REVIEW_MS = 10_000
export const RELAY_REVIEW_MS = 300_000
/** Third nodes measured in one review, the one in use among them, and round trips through each. */
export const MAX_RELAYS_MEASURED = 4
export const RELAY_SAMPLES = 3
/** How long an answer may take, ms: longer than the time between two questions that a peer answers. */
export const RELAY_ANSWER_MS = 1_200
/** A link moves to another third node for so much a shorter round trip: in ms and as a share, whichever is more. */
export const RELAY_GAIN_MS = 3
export const RELAY_GAIN_SHARE = 0.2
