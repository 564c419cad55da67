/**
 * One namespace's tunnels: virtual IP -> node -> tunnel, in both directions.
 *
 * Out: `send` finds an address's owner (a packet waits briefly during the lookup) and hands the packet to that node's
 * tunnel; `flush` sends the packets of one wake-up as one datagram per peer. In: `onPacket` gets only packets of an
 * open tunnel.
 */

import { type Clock, every, type Timer } from '../../core/clock.ts'
import { DecodeError } from '../../core/codec.ts'
import type { Counters } from '../../core/counters.ts'
import type { Ip4 } from '../../core/ip.ts'
import type { Random } from '../../core/random.ts'
import type { NamespaceKeys } from '../../namespace/keys.ts'
import type { Address } from '../../overlay/address.ts'
import { TICK_MS, TUNNEL_IDLE_MS, TUNNELS } from '../constants.ts'
import { HoldTable } from '../hold-table.ts'
import type { FastPath } from '../lane/fast-path.ts'
import { FastRoutes } from '../lane/fast-routes.ts'
import type { Resolver } from '../resolver.ts'
import type { Carrier } from './carrier.ts'
import { decodeMessage, type TunnelMessage, tagOf } from './messages.ts'
import { eachPacket } from './packet-batch.ts'
import { Tunnel } from './tunnel.ts'

export interface TunnelReport {
  readonly ip: Ip4
  readonly peer: Address
  readonly carrier: string
  /** Whether both ends have proved membership and packets flow. */
  readonly open: boolean
  /** null before the first measurement. */
  readonly rttMs: number | null
  readonly txBytes: number
  readonly rxBytes: number
}

/** One virtual IP behind one peer. */
interface Route {
  readonly ip: Ip4
  readonly tunnel: Tunnel
  txBytes: number
  rxBytes: number
}

export interface TunnelsParts {
  readonly self: Address
  readonly carrier: Carrier
  readonly resolver: Resolver
  readonly keys: NamespaceKeys
  readonly clock: Clock
  readonly random: Random
  readonly counters: Counters
  /** undefined: all packets take the carrier. */
  readonly fast: FastPath | undefined
  /** The longest packet of the tap, bytes. */
  readonly mtu: number
}

export class Tunnels {
  readonly #parts: TunnelsParts
  readonly #tag: Uint8Array
  readonly #tunnels = new Map<Address, Tunnel>()
  readonly #routes = new Map<Ip4, Route>()
  readonly #fastRoutes: FastRoutes | undefined
  /** Packets whose destination is being looked up. */
  readonly #unresolved: HoldTable<Ip4, Address | undefined>
  readonly #dirty = new Set<Tunnel>()
  #onPacket: (peer: Address, packet: Uint8Array) => void = () => {}
  #heartbeat: Timer | undefined

  constructor(parts: TunnelsParts) {
    this.#parts = parts
    this.#tag = tagOf(parts.keys)
    this.#unresolved = new HoldTable(parts.clock, parts.counters)
    parts.carrier.onDatagram = (peer, datagram) => this.#receive(peer, datagram)
    parts.carrier.onDown = (peer) => this.#down(peer)
    const { fast, resolver } = parts
    this.#fastRoutes = fast && new FastRoutes({ tables: fast.tables, resolver })
  }

  /** A packet of a proven member, valid only during the call. Its header and addresses are not checked yet. */
  set onPacket(handler: (peer: Address, packet: Uint8Array) => void) {
    this.#onPacket = handler
  }

  start(): void {
    const { clock, random } = this.#parts
    this.#heartbeat ??= every(clock, random, TICK_MS, () => this.#tick())
  }

  stop(): void {
    this.#heartbeat?.cancel()
    this.#heartbeat = undefined
    for (const tunnel of this.#tunnels.values()) tunnel.close()
    this.#fastRoutes?.clear()
    this.#unresolved.drop('stopped')
    this.#tunnels.clear()
    this.#routes.clear()
    this.#dirty.clear()
  }

  /** Sends a copy of one packet towards `ip`. Call `flush` after a batch of these. */
  send(ip: Ip4, packet: Uint8Array): void {
    const owner = this.#parts.resolver.peek(ip)
    if (owner === undefined) this.#resolveFirst(ip, packet)
    else this.#sendTo(owner, ip, packet)
  }

  flush(): void {
    for (const tunnel of this.#dirty) tunnel.flush()
    this.#dirty.clear()
  }

  /** Tells `peer` that `ip`, to which it sent a packet, is not on this tap. */
  notMine(peer: Address, ip: Ip4): void {
    this.#tunnels.get(peer)?.refuseAddress({ kind: 'notMine', ip })
  }

  /** Counts a delivered packet's bytes under the virtual IP it came from. */
  received(peer: Address, ip: Ip4, bytes: number): void {
    const tunnel = this.#tunnels.get(peer)
    if (tunnel !== undefined) this.#routeTo(tunnel, ip).rxBytes += bytes
  }

  /** One report for each address with which packets were exchanged, in order of address. */
  reports(): TunnelReport[] {
    return [...this.#routes.values()]
      .sort((a, b) => a.ip - b.ip)
      .map(({ ip, tunnel, txBytes, rxBytes }) => {
        const fast = this.#fastRoutes?.bytes(ip)
        return {
          ip,
          peer: tunnel.peer,
          carrier: tunnel.carrier,
          open: tunnel.isOpen,
          rttMs: tunnel.rttMs,
          txBytes: txBytes + (fast?.sent ?? 0),
          rxBytes: rxBytes + (fast?.got ?? 0),
        }
      })
  }

  // ---- out -------------------------------------------------------------------------------------------------------

  #sendTo(owner: Address, ip: Ip4, packet: Uint8Array): void {
    if (owner === this.#parts.self) {
      // The DHT says that it is ours, but no client on this tap has it: a client has not taken its lease up again.
      this.#parts.counters.drop('owner-is-self')
      return
    }
    const tunnel = this.#tunnelTo(owner)
    if (tunnel === undefined) return
    this.#routeTo(tunnel, ip).txBytes += packet.length
    if (tunnel.append(packet)) this.#dirty.add(tunnel)
  }

  #resolveFirst(ip: Ip4, packet: Uint8Array): void {
    const { resolver, counters } = this.#parts
    if (resolver.isAbsent(ip)) {
      counters.drop('no-such-address')
      return
    }
    const ask = () => resolver.resolve(ip)
    this.#unresolved.hold(ip, packet, ask, (owner, held) => {
      if (owner === undefined) {
        held.drop('no-such-address')
        return
      }
      for (const each of held.take()) this.#sendTo(owner, ip, each)
      this.flush()
    })
  }

  /** The address is believed to be the peer's. */
  #routeTo(tunnel: Tunnel, ip: Ip4): Route {
    this.#fastRoutes?.set(ip, tunnel)
    const known = this.#routes.get(ip)
    if (known?.tunnel === tunnel) return known
    const route: Route = { ip, tunnel, txBytes: 0, rxBytes: 0 }
    this.#routes.set(ip, route)
    return route
  }

  #tunnelTo(peer: Address): Tunnel | undefined {
    const known = this.#tunnels.get(peer)
    if (known !== undefined) return known
    if (this.#tunnels.size >= TUNNELS) {
      this.#parts.counters.drop('too-many-peers')
      return undefined
    }
    const { self, keys, carrier, clock, random, counters, resolver, fast, mtu } = this.#parts
    const tunnel: Tunnel = new Tunnel(peer, {
      self,
      keys,
      tag: this.#tag,
      carrier,
      clock,
      random,
      counters,
      fast,
      mtu,
      onUnreachable: (lost) => resolver.forget(lost),
      onPacket: (from, packet) => this.#onPacket(from, packet),
      onLane: () => this.#fastRoutes?.laneChanged(tunnel),
    })
    this.#tunnels.set(peer, tunnel)
    return tunnel
  }

  // ---- in --------------------------------------------------------------------------------------------------------

  #receive(peer: Address, datagram: Uint8Array): void {
    const message = this.#decode(datagram)
    if (message === undefined) return
    const tunnel = this.#tunnelTo(peer)
    if (tunnel === undefined) return
    if (message.kind === 'notMine') {
      if (tunnel.isOpen) this.#parts.resolver.invalidate(message.ip, peer)
      return
    }
    const packets = tunnel.receive(message)
    if (packets === undefined) return
    const whole = eachPacket(packets, (packet) => this.#onPacket(peer, packet))
    if (!whole) this.#parts.counters.drop('tunnel-malformed')
  }

  #decode(datagram: Uint8Array): TunnelMessage | undefined {
    try {
      const message = decodeMessage(this.#tag, datagram)
      if (message === undefined) this.#parts.counters.drop('other-namespace')
      return message
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      this.#parts.counters.drop('tunnel-malformed')
      return undefined
    }
  }

  #down(peer: Address): void {
    const tunnel = this.#tunnels.get(peer)
    if (tunnel === undefined) return
    tunnel.down()
    this.#parts.resolver.suspect(peer)
  }

  #tick(): void {
    this.#fastRoutes?.review()
    const longAgo = this.#parts.clock.now() - TUNNEL_IDLE_MS
    for (const tunnel of this.#tunnels.values()) {
      tunnel.tick()
      if (tunnel.lastUsed < longAgo) this.#forget(tunnel)
    }
  }

  #forget(tunnel: Tunnel): void {
    tunnel.close()
    this.#tunnels.delete(tunnel.peer)
    this.#dirty.delete(tunnel)
    for (const [ip, route] of this.#routes) {
      if (route.tunnel !== tunnel) continue
      this.#routes.delete(ip)
      this.#fastRoutes?.forget(ip)
    }
  }
}
