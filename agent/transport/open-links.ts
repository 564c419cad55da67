/**
 * Opens a node's links of both kinds: UDP has the addresses and port numbers of TCP, so one number names a node, and a firewall or
 * a router that forwards it needs one rule for both.
 */

import type { Clock } from '../core/clock.ts'
import { codeOf, InputError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import type { Random } from '../core/random.ts'
import type { Lanes } from '../native/lanes.ts'
import { GivenNames } from '../rendezvous/given-names.ts'
import { systemNames } from '../rendezvous/system-names.ts'
import { MAX_PORT_PAIRS } from './constants.ts'
import { type DialRules, resolved } from './dial-rules.ts'
import { EitherLinks } from './either-links.ts'
import { isEndpoint, over, parseEndpoint, udpMultiaddr } from './endpoints.ts'
import type { Identity } from './identity.ts'
import { createLibp2pLinks, type Libp2pLinks } from './libp2p/links.ts'
import { type PortMappingOptions, startPortMapping } from './mapping/open.ts'
import type { Mapped, PortMapping } from './mapping/port-mapping.ts'
import type { UdpLinks } from './udp/links.ts'
import { openUdpLinks, type UdpLinksOptions } from './udp/open.ts'

export interface OpenLinksOptions {
  readonly identity: Identity
  /**
   * Where to listen over TCP, such as `/ip4/0.0.0.0/tcp/4001`, and over UDP at the first address of each family. Empty for a node
   * that only dials.
   */
  readonly listen: readonly string[]
  /** Where others reach this node besides, written like `listen`: over UDP at the same port. */
  readonly announce: readonly string[]
  /** Whether to find nodes on the LAN, and to be found. */
  readonly mdns: boolean
  /** Whether to have the router let others in, where it does that. Not where the user announces an address: he has seen to it. */
  readonly portMapping: boolean
  /** The key of a ring of its own; undefined: a shared ring, which anybody may join. */
  readonly ringKey: Uint8Array | undefined
  /** Network interfaces whose addresses others must not learn: the overlay's own taps. */
  readonly hiddenInterfaces?: readonly string[]
  /** Tables of a fast path; see `UdpLinksOptions`. */
  readonly lanes?: Lanes | undefined
  readonly log: Log
  readonly clock: Clock
  readonly random: Random
}

export interface NodeLinks {
  readonly either: EitherLinks
  readonly tcp: Libp2pLinks
  readonly udp: UdpLinks
  readonly names: GivenNames
  /** undefined: the router is not asked for anything. */
  readonly mapping: PortMapping | undefined
}

/**
 * Resolves when the node listens. Where the user leaves the port open, it is one that is free over both.
 * @param openUdp for tests, in which a port is taken
 * @throws InputError when an address is malformed, or cannot be listened on
 */
export async function openLinks(options: OpenLinksOptions, openUdp = openUdpLinks): Promise<NodeLinks> {
  const mayMove = options.listen.some((text) => text.endsWith('/0'))
  for (let tries = 1; ; tries++) {
    const tcp = await createLibp2pLinks(options)
    try {
      const beside = await besideTcp(tcp, options)
      const udp = await openUdp(beside)
      const names = new GivenNames(options.clock, systemNames(isEndpoint))
      const either = new EitherLinks({ udp, tcp, names, clock: options.clock })
      const isMapped = options.portMapping && options.announce.length === 0
      return { either, tcp, udp, names, mapping: isMapped ? mapPort(udp, tcp, { ...options, ...beside }) : undefined }
    } catch (error) {
      await tcp.stop()
      if (!mayMove || !isTaken(error) || tries === MAX_PORT_PAIRS) throw error
    }
  }
}

function mapPort(
  udp: UdpLinks,
  tcp: Libp2pLinks,
  options: Omit<PortMappingOptions, 'onChange'>,
): PortMapping | undefined {
  const onChange = (mapped: Mapped | undefined) => {
    // First, and both at once: a peer that learned only of TCP would link over TCP.
    udp.mapped = mapped?.udp
    tcp.mapped =
      mapped?.tcp === undefined ? undefined : over('tcp', parseEndpoint(udpMultiaddr(mapped.tcp).toString()))?.multiaddr
  }
  return startPortMapping({ ...options, onChange })
}

async function besideTcp(
  tcp: Libp2pLinks,
  options: OpenLinksOptions,
): Promise<UdpLinksOptions & { readonly rules: DialRules }> {
  const listen = new Map<string, string>()
  for (const address of tcp.listening) {
    const [at] = await resolved(parseEndpoint(address.toString()), options.clock)
    const family = at?.multiaddr.getComponents()[0]?.name ?? ''
    if (at !== undefined && !listen.has(family)) listen.set(family, overUdp(at.text))
  }
  return {
    ...options,
    listen: [...listen.values()],
    announce: options.announce.map(overUdp),
    rules: tcp.rules,
  }
}

function overUdp(text: string): string {
  return over('udp', parseEndpoint(text))?.text ?? text
}

function isTaken(error: unknown): boolean {
  return error instanceof InputError && codeOf(error.cause) === 'EADDRINUSE'
}
