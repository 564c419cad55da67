/**
 * ARP on the tap (RFC 826, RFC 5227): for every pool address that is not on this tap, the agent answers with its own
 * MAC, so packets for it come to the agent. ARP is never carried to a peer.
 *
 * Never answered: requests for addresses leased on this tap (their clients answer, even to neighbours behind a bridge),
 * announcements, and probes for any address but the service address.
 */

import { broadcastOf, type Cidr, contains, type Ip4, type Mac, macBytes, serviceAddressOf } from '../core/ip.ts'
import type { Leases } from '../lease/lease.ts'
import { ARP_REPLY, ARP_REQUEST, buildArp, parseArp } from '../packet/arp.ts'

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
    if (arp.operation !== ARP_REQUEST) return 'arp-not-a-request'
    const { senderIp, targetIp } = arp
    if (senderIp === targetIp) return 'arp-announcement'
    if (targetIp !== this.#service) {
      // A probe (RFC 5227) asks whether an address is in use, without a sender address. The DHT has already answered
      // that, and an answer from here would make the client decline the address it was just given.
      if (senderIp === 0) return 'arp-probe'
      if (!contains(this.#pool, targetIp) || targetIp === this.#pool.base || targetIp === broadcastOf(this.#pool)) {
        return 'arp-outside-pool'
      }
      if (this.#leases.holder(targetIp) !== undefined) return 'arp-local'
    }
    return buildArp(ARP_REPLY, { mac: this.#mac, ip: targetIp }, { mac: arp.senderMac, ip: senderIp }, arp.senderMac)
  }
}
