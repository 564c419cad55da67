/** Ethernet II frames (IEEE 802.3): fields read in place, headers written in place. */

import { type Mac, macFromBytes } from '../core/ip.ts'

/** Destination, source, type. */
export const ETHERNET_HEADER = 14

export const ETHERTYPE_IPV4 = 0x0800
export const ETHERTYPE_ARP = 0x0806
export const ETHERTYPE_IPV6 = 0x86dd

export const BROADCAST_MAC = 'ff:ff:ff:ff:ff:ff' as Mac

/** -1 for a frame too short to have one. */
export function etherType(frame: Uint8Array): number {
  return frame.length < ETHERNET_HEADER ? -1 : (frame[12]! << 8) | frame[13]!
}

export function sourceMac(frame: Uint8Array): Mac {
  return macFromBytes(frame, 6)
}

/** Whether a station with the MAC `own` takes the frame: its own, a broadcast or a multicast. */
export function isAddressedTo(frame: Uint8Array, own: Uint8Array): boolean {
  if ((frame[0]! & 1) === 1) return true
  for (let i = 0; i < 6; i++) if (frame[i] !== own[i]) return false
  return true
}

export function writeEthernet(frame: Uint8Array, to: Uint8Array, from: Uint8Array, type: number): void {
  frame.set(to, 0)
  frame.set(from, 6)
  frame[12] = type >>> 8
  frame[13] = type & 0xff
}
