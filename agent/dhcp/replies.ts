/** The server's messages: their contents, and where each frame is sent (RFC 2131 sections 4.1 and 4.3). */

import { utf8 } from '../core/bytes.ts'
import { broadcastOf, type Cidr, type Ip4, type Mac, netmask } from '../core/ip.ts'
import { BROADCAST_MAC } from '../packet/ethernet.ts'
import { buildUdpFrame } from '../packet/udp.ts'
import { encodeIp, encodeU16, encodeU32, OPTION } from './options.ts'
import { DHCP_CLIENT_PORT, DHCP_SERVER_PORT, type DhcpPacket, encodeDhcp, type MessageType } from './packet.ts'

const NOWHERE = 0 as Ip4
const EVERYWHERE = 0xffffffff as Ip4
/** Longest lease time that the option can express short of "for ever", s. */
const MAX_LEASE_S = 0xfffffffe

/** What every reply says about the network. No router and no DNS: the uplink's stay in force. */
export interface NetworkFacts {
  readonly server: Ip4
  readonly serverMac: Mac
  readonly pool: Cidr
  readonly mtu: number
  readonly domain: string | undefined
}

type Option = readonly [number, Uint8Array]

/** OFFER and ACK of an address for `seconds`; the client renews at a half, rebinds at seven eighths (section 4.4.5). */
export function grant(
  facts: NetworkFacts,
  request: DhcpPacket,
  type: 'offer' | 'ack',
  ip: Ip4,
  seconds: number,
): Uint8Array {
  const lease = Math.min(Math.floor(seconds), MAX_LEASE_S)
  return reply(facts, request, type, ip, [
    [OPTION.leaseTime, encodeU32(lease)],
    [OPTION.renewalTime, encodeU32(Math.floor(lease / 2))],
    [OPTION.rebindingTime, encodeU32(Math.floor((lease * 7) / 8))],
    ...networkOptions(facts),
  ])
}

/** The reply to INFORM: no address and no times (section 4.3.5). */
export function inform(facts: NetworkFacts, request: DhcpPacket): Uint8Array {
  return reply(facts, request, 'ack', NOWHERE, networkOptions(facts))
}

/** `why` is for people reading the client's log. */
export function nak(facts: NetworkFacts, request: DhcpPacket, why: string): Uint8Array {
  return reply(facts, request, 'nak', NOWHERE, [[OPTION.message, utf8(why)]])
}

function networkOptions(facts: NetworkFacts): Option[] {
  const options: Option[] = [
    [OPTION.subnetMask, encodeIp(netmask(facts.pool.prefix))],
    [OPTION.broadcastAddress, encodeIp(broadcastOf(facts.pool))],
    [OPTION.interfaceMtu, encodeU16(facts.mtu)],
  ]
  if (facts.domain !== undefined && facts.domain !== '') options.push([OPTION.domainName, utf8(facts.domain)])
  return options
}

function reply(
  facts: NetworkFacts,
  request: DhcpPacket,
  type: MessageType,
  yiaddr: Ip4,
  options: readonly Option[],
): Uint8Array {
  // RFC 6842: the reply repeats the client identifier, so that clients behind one MAC recognize their replies.
  const clientId = request.options.get(OPTION.clientId)
  const echoed: Option[] = clientId === undefined ? [] : [[OPTION.clientId, clientId]]
  const payload = encodeDhcp({
    op: 'reply',
    type,
    xid: request.xid,
    secs: 0,
    broadcast: request.broadcast || type === 'nak',
    ciaddr: type === 'ack' ? request.ciaddr : NOWHERE,
    yiaddr,
    siaddr: NOWHERE,
    giaddr: NOWHERE,
    chaddr: request.chaddr,
    options: new Map<number, Uint8Array>([[OPTION.serverId, encodeIp(facts.server)], ...options, ...echoed]),
  })
  return buildUdpFrame({
    fromMac: facts.serverMac,
    from: facts.server,
    fromPort: DHCP_SERVER_PORT,
    toPort: DHCP_CLIENT_PORT,
    payload,
    ...destination(request, type, yiaddr),
  })
}

function destination(request: DhcpPacket, type: MessageType, yiaddr: Ip4): { toMac: Mac; to: Ip4 } {
  if (type === 'nak') return { toMac: BROADCAST_MAC, to: EVERYWHERE }
  if (request.ciaddr !== 0) return { toMac: request.chaddr, to: request.ciaddr }
  if (request.broadcast) return { toMac: BROADCAST_MAC, to: EVERYWHERE }
  return { toMac: request.chaddr, to: yiaddr }
}
