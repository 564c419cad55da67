/** ARP for Ethernet and IPv4 (RFC 826). */

import { type Ip4, ip4Bytes, ip4FromBytes } from '../core/ip.ts'
import { ETHERNET_HEADER, ETHERTYPE_ARP, writeEthernet } from './ethernet.ts'

const ARP_LENGTH = 28
export const ARP_REQUEST = 1
export const ARP_REPLY = 2
/** Ethernet, IPv4, and the lengths of their addresses. */
const PREFIX = Uint8Array.of(0, 1, 8, 0, 6, 4)

export interface Arp {
  readonly operation: number
  /** Six bytes, a view of the frame. */
  readonly senderMac: Uint8Array
  readonly senderIp: Ip4
  readonly targetIp: Ip4
}

/** undefined for anything but Ethernet and IPv4. */
export function parseArp(frame: Uint8Array): Arp | undefined {
  const at = ETHERNET_HEADER
  if (frame.length < at + ARP_LENGTH) return undefined
  for (let i = 0; i < PREFIX.length; i++) if (frame[at + i] !== PREFIX[i]) return undefined
  return {
    operation: (frame[at + 6]! << 8) | frame[at + 7]!,
    senderMac: frame.subarray(at + 8, at + 14),
    senderIp: ip4FromBytes(frame, at + 14),
    targetIp: ip4FromBytes(frame, at + 24),
  }
}

export function buildArp(
  operation: number,
  sender: { mac: Uint8Array; ip: Ip4 },
  target: { mac: Uint8Array; ip: Ip4 },
  to: Uint8Array,
): Uint8Array {
  const frame = new Uint8Array(ETHERNET_HEADER + ARP_LENGTH)
  writeEthernet(frame, to, sender.mac, ETHERTYPE_ARP)
  frame.set(PREFIX, 14)
  frame[21] = operation
  frame.set(sender.mac, 22)
  frame.set(ip4Bytes(sender.ip), 28)
  frame.set(target.mac, 32)
  frame.set(ip4Bytes(target.ip), 38)
  return frame
}
