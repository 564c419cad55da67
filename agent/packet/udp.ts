/** UDP over IPv4 (RFC 768): a strict parser, and a builder of whole Ethernet frames. */

import { type Ip4, type Mac, macBytes } from '../core/ip.ts'
import { checksum, onesSum } from './checksum.ts'
import { ETHERNET_HEADER, ETHERTYPE_IPV4, writeEthernet } from './ethernet.ts'
import { fragmentOffset, headerLength, IPV4_HEADER, isFragment, PROTOCOL_UDP, protocolOf, writeIpv4 } from './ipv4.ts'

export const UDP_HEADER = 8

export type UdpFault = 'udp-fragment' | 'udp-short' | 'udp-length' | 'udp-checksum'

/** The payload of a UDP packet that `openIpv4` returned, or what is wrong with it. */
export function openUdp(packet: Uint8Array): Uint8Array | UdpFault {
  if (isFragment(packet)) return 'udp-fragment'
  const at = headerLength(packet)
  if (packet.length < at + UDP_HEADER) return 'udp-short'
  const length = (packet[at + 4]! << 8) | packet[at + 5]!
  if (length < UDP_HEADER || at + length > packet.length) return 'udp-length'
  const sent = (packet[at + 6]! << 8) | packet[at + 7]!
  if (sent !== 0 && onesSum(packet, at, at + length, pseudoHeaderSum(packet, 12, length)) !== 0xffff) {
    return 'udp-checksum'
  }
  return packet.subarray(at + UDP_HEADER, at + length)
}

/**
 * Whether the packet is a UDP packet from or to a DHCP port (67, 68), or a fragment that could be reassembled into one.
 * A first fragment too short to show its ports counts as one.
 */
export function looksLikeDhcp(packet: Uint8Array): boolean {
  if (protocolOf(packet) !== PROTOCOL_UDP || fragmentOffset(packet) !== 0) return false
  const at = headerLength(packet)
  if (packet.length < at + 4) return true
  return isDhcpPort((packet[at]! << 8) | packet[at + 1]!) || isDhcpPort((packet[at + 2]! << 8) | packet[at + 3]!)
}

function isDhcpPort(port: number): boolean {
  return port === 67 || port === 68
}

/** -1 when the packet is too short or a later fragment. */
export function udpDestinationPort(packet: Uint8Array): number {
  const at = headerLength(packet)
  if (fragmentOffset(packet) !== 0 || packet.length < at + 4) return -1
  return (packet[at + 2]! << 8) | packet[at + 3]!
}

export interface UdpFrame {
  readonly fromMac: Mac
  readonly toMac: Mac
  readonly from: Ip4
  readonly to: Ip4
  readonly fromPort: number
  readonly toPort: number
  readonly payload: Uint8Array
}

export function buildUdpFrame(fields: UdpFrame): Uint8Array {
  const length = UDP_HEADER + fields.payload.length
  const at = ETHERNET_HEADER + IPV4_HEADER
  const frame = new Uint8Array(at + length)
  writeEthernet(frame, macBytes(fields.toMac), macBytes(fields.fromMac), ETHERTYPE_IPV4)
  writeIpv4(frame, ETHERNET_HEADER, {
    total: IPV4_HEADER + length,
    protocol: PROTOCOL_UDP,
    source: fields.from,
    destination: fields.to,
  })
  const udp = new DataView(frame.buffer, at)
  udp.setUint16(0, fields.fromPort)
  udp.setUint16(2, fields.toPort)
  udp.setUint16(4, length)
  frame.set(fields.payload, at + UDP_HEADER)
  const sum = checksum(frame, at, frame.length, pseudoHeaderSum(frame, ETHERNET_HEADER + 12, length))
  udp.setUint16(6, sum === 0 ? 0xffff : sum)
  return frame
}

/** The sum over RFC 768's pseudo-header: addresses (eight bytes at `at`), protocol and length. */
function pseudoHeaderSum(bytes: Uint8Array, at: number, length: number): number {
  return onesSum(bytes, at, at + 8, PROTOCOL_UDP + length)
}
