/**
 * The last steps of a packet that a peer sent: tunnel -> checks -> tap.
 *
 * Guarantees: a packet is delivered only if it is well-formed IPv4, fits the tap, and does not look like DHCP; its
 * destination has a live lease on this tap; and its source is a pool address that, according to the DHT, this peer
 * holds.
 */

import type { Clock } from '../core/clock.ts'
import type { Counters } from '../core/counters.ts'
import { type Cidr, contains, type Ip4, type Mac } from '../core/ip.ts'
import type { Leases } from '../lease/lease.ts'
import type { Address } from '../overlay/address.ts'
import { destinationOf, openIpv4, sourceOf } from '../packet/ipv4.ts'
import { clampMss } from '../packet/tcp-mss.ts'
import { looksLikeDhcp } from '../packet/udp.ts'
import { HOLD_ADDRESSES, NEGATIVE_TTL_MS } from './constants.ts'
import { HoldTable } from './hold-table.ts'
import type { Resolver } from './resolver.ts'
import type { TapWriter } from './tap/tap-writer.ts'

export interface InboundParts {
  readonly pool: Cidr
  readonly mtu: number
  readonly leases: Pick<Leases, 'holder' | 'usable'>
  readonly resolver: Resolver
  readonly writer: TapWriter
  readonly clock: Clock
  readonly counters: Counters
  readonly tunnels: {
    notMine(peer: Address, ip: Ip4): void
    received(peer: Address, ip: Ip4, bytes: number): void
  }
}

export class Inbound {
  readonly #parts: InboundParts
  /** Packets whose source is being looked up, by peer and address. */
  readonly #unproven: HoldTable<string, Address | undefined>
  /** Pairs of peer and address that the DHT refuted, and until when their packets are dropped without asking again. */
  readonly #refuted = new Map<string, number>()

  constructor(parts: InboundParts) {
    this.#parts = parts
    this.#unproven = new HoldTable(parts.clock, parts.counters)
  }

  /** `bytes` are valid only during the call. */
  fromPeer(peer: Address, bytes: Uint8Array): void {
    const { pool, mtu, leases, resolver, counters, tunnels } = this.#parts
    const packet = openIpv4(bytes)
    if (typeof packet === 'string') {
      counters.drop(`peer-${packet}`)
      return
    }
    if (packet.length > mtu) {
      counters.drop('peer-too-big')
      return
    }
    if (looksLikeDhcp(packet)) {
      counters.drop('peer-dhcp')
      return
    }
    const source = sourceOf(packet)
    if (!contains(pool, source)) {
      counters.drop('peer-source-outside-pool')
      return
    }
    const destination = destinationOf(packet)
    const lease = leases.usable(destination)
    if (lease === undefined) {
      if (leases.holder(destination) !== undefined) {
        counters.drop('lease-in-doubt')
        return
      }
      counters.drop('not-mine')
      // The peer can look up only an address of the pool again.
      if (contains(pool, destination)) tunnels.notMine(peer, destination)
      return
    }
    if (resolver.peek(source) === peer) this.#deliver(peer, source, lease.mac, packet)
    else this.#proveSource(peer, source, packet)
  }

  #deliver(peer: Address, source: Ip4, to: Mac, packet: Uint8Array): void {
    clampMss(packet, this.#parts.mtu)
    this.#parts.writer.packet(to, packet)
    this.#parts.tunnels.received(peer, source, packet.length)
  }

  /** The source is unknown or was at another node. It may have moved to this peer, so this asks the DHT. */
  #proveSource(peer: Address, source: Ip4, packet: Uint8Array): void {
    const { leases, resolver, counters, clock } = this.#parts
    if (leases.holder(source) !== undefined || resolver.isAbsent(source)) {
      counters.drop('peer-source-spoofed')
      return
    }
    const key = `${peer} ${source}`
    if (clock.now() < (this.#refuted.get(key) ?? 0)) {
      counters.drop('peer-source-spoofed')
      return
    }
    const ask = () => resolver.refresh(source)
    this.#unproven.hold(key, packet, ask, (owner, held) => {
      if (owner !== peer) {
        if (this.#refuted.size >= HOLD_ADDRESSES) this.#refuted.clear()
        this.#refuted.set(key, clock.now() + NEGATIVE_TTL_MS)
        return held.drop('peer-source-spoofed')
      }
      for (const each of held.take()) {
        const lease = leases.usable(destinationOf(each))
        if (lease === undefined) counters.drop('not-mine')
        else this.#deliver(peer, source, lease.mac, each)
      }
    })
  }
}
