/** Every number of port mappings, with its unit and reason. */

/** Where a router listens for PCP and NAT-PMP (RFC 6887 section 19, RFC 6886 section 3.1). */
export const CONTROL_PORT = 5351
/** Where it sends its announcements (RFC 6887 section 19). It repeats each for some minutes. */
export const ANNOUNCEMENT_PORT = 5350
/** How rarely at most an announcement makes this node ask, ms, and up to how much later, so that not all ask at once. */
export const ANNOUNCED_SPACING_MS = 30_000
export const ANNOUNCED_SPREAD_MS = 2_000
/** Where and at which port UPnP devices listen for searches (UPnP Device Architecture 1.1, section 1.3.2). */
export const SSDP_GROUP = '239.255.255.250'
export const SSDP_PORT = 1900

/** How long a mapping is asked for, s: what an agent that was killed leaves behind ends by itself. */
export const LIFETIME_S = 3600
/** A mapping is renewed after half of its time (RFC 6887 section 11.2.1), but no sooner than this, ms. */
export const LEAST_RENEWAL_MS = 30_000
/** Pause after every way has failed, ms, and as much again at random: a user may switch his router's setting on. */
export const AGAIN_MS = 10 * 60_000
/** How often the node looks whether it is behind another router, ms. It reads one small file of the kernel's. */
export const UPLINK_PERIOD_MS = 10_000
/** How long giving a mapping back may take, ms: the agent stops within two seconds. */
export const RELEASE_LIMIT_MS = 500

/**
 * How long a request by PCP waits before it is sent again, ms: 3 s, doubled, a tenth more or less (RFC 6887 section 8.1.1). The RFC
 * goes on for ever; a router on the same wire that has not answered by then does not speak PCP.
 */
export const PCP_WAITS_MS = [3_000, 6_000] as const
/** The same of NAT-PMP (RFC 6886 section 3.1), which goes on for a minute. */
export const NAT_PMP_WAITS_MS = [250, 500, 1_000] as const
/** The same of a search for UPnP devices, which may wait `SSDP_SPREAD_S` before they answer. */
export const SSDP_WAITS_MS = [1_500, 1_500, 1_500] as const
/** Seconds over which UPnP devices spread their answers: the least that is allowed. */
export const SSDP_SPREAD_S = 1
/** The largest part by which a wait of PCP is longer or shorter. */
export const PCP_JITTER = 0.1

/** The largest datagram of PCP, bytes (RFC 6887 section 7). */
export const MAX_PCP_BYTES = 1100
/** How long one exchange over HTTP with a router may take, ms. Small routers are slow. */
export const HTTP_LIMIT_MS = 5_000
/** The largest answer over HTTP that is read, bytes: descriptions have some 10 KB. */
export const MAX_HTTP_BYTES = 64 * 1024
/** Ports of the router that are tried by UPnP: its answer to one that another host has is an error. */
export const MAX_UPNP_PORTS = 3
/** Ports that are chosen instead: those that no service has by agreement (RFC 6335 section 6). */
export const FIRST_DYNAMIC_PORT = 49_152
export const DYNAMIC_PORTS = 16_384
