/**
 * IPv4 packets (RFC 791), checked once and then read in place.
 *
 * `openIpv4` is the gate: the header of a packet that it returned may be read without further checks.
 */

import { type Ip4, ip4FromBytes } from '../core/ip.ts'
import { checksum, onesSum } from './checksum.ts'

export const IPV4_HEADER = 20
export const PROTOCOL_ICMP = 1
export const PROTOCOL_TCP = 6
export const PROTOCOL_UDP = 17

export type Ipv4Fault = 'ipv4-short' | 'ipv4-version' | 'ipv4-header' | 'ipv4-length' | 'ipv4-checksum'

/** The packet at the start of `bytes` without the padding behind it, or what is wrong with it. */
export function openIpv4(bytes: Uint8Array): Uint8Array | Ipv4Fault {
  if (bytes.length < IPV4_HEADER) return 'ipv4-short'
  if (bytes[0]! >>> 4 !== 4) return 'ipv4-version'
  const header = headerLength(bytes)
  if (header < IPV4_HEADER || header > bytes.length) return 'ipv4-header'
  const total = (bytes[2]! << 8) | bytes[3]!
  if (total < header || total > bytes.length) return 'ipv4-length'
  if (onesSum(bytes, 0, header) !== 0xffff) return 'ipv4-checksum'
  return total === bytes.length ? bytes : bytes.subarray(0, total)
}

export function headerLength(packet: Uint8Array): number {
  return (packet[0]! & 0x0f) * 4
}

export function protocolOf(packet: Uint8Array): number {
  return packet[9]!
}

export function sourceOf(packet: Uint8Array): Ip4 {
  return ip4FromBytes(packet, 12)
}

export function destinationOf(packet: Uint8Array): Ip4 {
  return ip4FromBytes(packet, 16)
}

/** In units of 8 bytes; 0 for a whole packet and for the first fragment, the only one that carries the ports. */
export function fragmentOffset(packet: Uint8Array): number {
  return ((packet[6]! & 0x1f) << 8) | packet[7]!
}

export function isFragment(packet: Uint8Array): boolean {
  return fragmentOffset(packet) !== 0 || (packet[6]! & 0x20) !== 0
}

/** Writes a header without options at `at`; `total` counts the header. */
export function writeIpv4(
  bytes: Uint8Array,
  at: number,
  fields: { total: number; protocol: number; source: Ip4; destination: Ip4 },
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, IPV4_HEADER)
  view.setUint16(0, 0x4500)
  view.setUint16(2, fields.total)
  view.setUint32(4, 0x4000) // Don't fragment: identification may be 0 (RFC 6864).
  view.setUint16(8, (64 << 8) | fields.protocol)
  view.setUint16(10, 0)
  view.setUint32(12, fields.source)
  view.setUint32(16, fields.destination)
  view.setUint16(10, checksum(bytes, at, at + IPV4_HEADER))
}
