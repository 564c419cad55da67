/**
 * ARP on the tap (RFC 826, RFC 5227): every address of the pool that is not on this tap answers with the agent's MAC, so
 * that its packets come to the agent. Nothing of it is ever carried to a peer.
 *
 * Never answered: addresses leased on this tap (they answer for themselves, also to their neighbours behind a bridge),
 * announcements, and a client's own duplicate-address probe.
 */

import {
  broadcastOf,
  type Cidr,
  contains,
  type Ip4,
  ip4Bytes,
  ip4FromBytes,
  type Mac,
  macBytes,
  serviceAddressOf,
} from '../core/ip.ts'
import type { Leases } from '../lease/lease.ts'
import { ETHERNET_HEADER, ETHERTYPE_ARP, writeEthernet } from '../packet/ethernet.ts'

const ARP_LENGTH = 28
const REQUEST = 1
const REPLY = 2
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

export type ArpSilence =
  | 'arp-malformed'
  | 'arp-not-a-request'
  | 'arp-announcement'
  | 'arp-probe'
  | 'arp-outside-pool'
  | 'arp-local'

export class ArpResponder {
  readonly #pool: Cidr
  readonly #service: Ip4
  readonly #leases: Pick<Leases, 'holder'>
  readonly #mac: Uint8Array

  constructor(parts: { pool: Cidr; leases: Pick<Leases, 'holder'>; mac: Mac }) {
    this.#pool = parts.pool
    this.#service = serviceAddressOf(parts.pool)
    this.#leases = parts.leases
    this.#mac = macBytes(parts.mac)
  }

  /** The reply to an ARP frame from the tap, or why there is none. */
  answer(frame: Uint8Array): Uint8Array | ArpSilence {
    const arp = parseArp(frame)
    if (arp === undefined) return 'arp-malformed'
    if (arp.operation !== REQUEST) return 'arp-not-a-request'
    const { senderIp, targetIp } = arp
    if (senderIp === targetIp) return 'arp-announcement'
    if (targetIp !== this.#service) {
      // A probe (RFC 5227) asks "is it in use?" without an address of its own. The DHT has answered that already, and
      // an answer from here would make the client decline the very address it was given.
      if (senderIp === 0) return 'arp-probe'
      if (!contains(this.#pool, targetIp) || targetIp === this.#pool.base || targetIp === broadcastOf(this.#pool)) {
        return 'arp-outside-pool'
      }
      if (this.#leases.holder(targetIp) !== undefined) return 'arp-local'
    }
    return buildArp(REPLY, { mac: this.#mac, ip: targetIp }, { mac: arp.senderMac, ip: senderIp }, arp.senderMac)
  }
}
