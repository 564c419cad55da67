/**
 * Decides where each frame from the tap goes: tap -> arp | dhcp | service address | neighbour on the same tap | tunnel,
 * or a counted drop. No frame makes it throw.
 */

import type { Counters } from '../core/counters.ts'
import { broadcastOf, type Cidr, contains, type Ip4, type Mac, macBytes, serviceAddressOf } from '../core/ip.ts'
import type { Leases } from '../lease/lease.ts'
import {
  ETHERNET_HEADER,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  etherType,
  isAddressedTo,
  sourceMac,
} from '../packet/ethernet.ts'
import { destinationOf, openIpv4, sourceOf } from '../packet/ipv4.ts'
import { clampMss } from '../packet/tcp-mss.ts'
import { looksLikeDhcp, openUdp, udpDestinationPort } from '../packet/udp.ts'
import type { ArpResponder } from './arp-responder.ts'
import { answerEcho } from './service-host.ts'
import type { TapWriter } from './tap/tap-writer.ts'

const LIMITED_BROADCAST = 0xffffffff as Ip4
const DHCP_SERVER_PORT = 67

export interface SwitchParts {
  readonly pool: Cidr
  readonly mac: Mac
  readonly mtu: number
  readonly leases: Pick<Leases, 'holder' | 'usable'>
  readonly arp: ArpResponder
  readonly dhcp: { receive(payload: Uint8Array): void }
  readonly tunnels: { send(ip: Ip4, packet: Uint8Array): void; flush(): void }
  readonly writer: TapWriter
  readonly counters: Counters
}

export class Switch {
  readonly #parts: SwitchParts
  readonly #mac: Uint8Array
  readonly #service: Ip4
  readonly #broadcast: Ip4

  constructor(parts: SwitchParts) {
    this.#parts = parts
    this.#mac = macBytes(parts.mac)
    this.#service = serviceAddressOf(parts.pool)
    this.#broadcast = broadcastOf(parts.pool)
  }

  /** Handles one wake-up's frames, which are valid only during the call. */
  fromTap(frames: readonly Uint8Array[]): void {
    this.#parts.counters.add('tap-frames-in', frames.length)
    for (const frame of frames) this.#sort(frame)
    this.#parts.tunnels.flush()
  }

  #sort(frame: Uint8Array): void {
    const { counters } = this.#parts
    const type = etherType(frame)
    if (type < 0) {
      counters.drop('frame-short')
      return
    }
    // A bridge floods frames for unknown stations; frames for another station are not for us.
    if (!isAddressedTo(frame, this.#mac)) {
      counters.drop('other-station')
      return
    }
    if (type === ETHERTYPE_IPV4) this.#ipv4(frame)
    else if (type === ETHERTYPE_ARP) this.#arp(frame)
    else counters.drop(type === ETHERTYPE_IPV6 ? 'ipv6' : 'ethertype')
  }

  #arp(frame: Uint8Array): void {
    const answer = this.#parts.arp.answer(frame)
    if (typeof answer === 'string') this.#parts.counters.drop(answer)
    else this.#parts.writer.frame(answer)
  }

  #ipv4(frame: Uint8Array): void {
    const { counters, pool, leases, mtu, tunnels, writer } = this.#parts
    const packet = openIpv4(frame.subarray(ETHERNET_HEADER))
    if (typeof packet === 'string') {
      counters.drop(packet)
      return
    }
    if (looksLikeDhcp(packet)) {
      this.#dhcp(packet)
      return
    }
    const destination = destinationOf(packet)
    if (destination === this.#service) {
      this.#forAgent(frame, packet)
      return
    }
    if (destination === this.#broadcast || destination >>> 28 >= 0xe) {
      counters.drop('group-address')
      return
    }
    if (!contains(pool, destination) || destination === pool.base) {
      counters.drop('outside-pool')
      return
    }
    const source = sourceOf(packet)
    if (leases.usable(source) === undefined) {
      counters.drop(leases.holder(source) === undefined ? 'source-not-leased' : 'lease-in-doubt')
      return
    }
    if (packet.length > mtu) {
      counters.drop('too-big')
      return
    }
    clampMss(packet, mtu)
    const neighbour = leases.holder(destination)
    if (neighbour === undefined) tunnels.send(destination, packet)
    else writer.packet(neighbour.mac, packet)
  }

  /** DHCP goes only to the agent's server, never into a tunnel. */
  #dhcp(packet: Uint8Array): void {
    const { counters, dhcp } = this.#parts
    const destination = destinationOf(packet)
    const forServer =
      destination === LIMITED_BROADCAST || destination === this.#service || destination === this.#broadcast
    if (!forServer || udpDestinationPort(packet) !== DHCP_SERVER_PORT) {
      counters.drop('dhcp-elsewhere')
      return
    }
    const payload = openUdp(packet)
    if (typeof payload === 'string') counters.drop(payload)
    else dhcp.receive(payload)
  }

  #forAgent(frame: Uint8Array, packet: Uint8Array): void {
    const { counters, writer } = this.#parts
    const reply = answerEcho(packet)
    if (reply === undefined) counters.drop('service-address')
    else writer.packet(sourceMac(frame), reply)
  }
}
