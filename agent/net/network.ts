/**
 * One namespace's virtual network on one tap: everything between the kernel and the overlay.
 *
 *   tap -> switch -> arp | dhcp | service address | tunnel        (switch.ts)
 *   tunnel -> checks -> tap                                       (inbound.ts)
 *
 * Only this file knows all the parts; its creator passes in a tap, a ring, a DHT and leases.
 */

import type { Clock, Timer } from '../core/clock.ts'
import { Counters } from '../core/counters.ts'
import { messageOf } from '../core/errors.ts'
import { type Cidr, formatIp4, type Ip4, serviceAddressOf } from '../core/ip.ts'
import { type Log, SILENT } from '../core/log.ts'
import type { Random } from '../core/random.ts'
import { type Bound, DhcpServer } from '../dhcp/server.ts'
import type { Dht } from '../dht/dht.ts'
import type { ClientId, Lease, LeaseFailure, Leases } from '../lease/lease.ts'
import type { NamespaceKeys } from '../namespace/keys.ts'
import type { Overlay } from '../overlay/overlay.ts'
import { ArpResponder } from './arp-responder.ts'
import { AGENT_MAC } from './constants.ts'
import { Inbound } from './inbound.ts'
import type { FastPath } from './lane/fast-path.ts'
import { Resolver } from './resolver.ts'
import { Switch } from './switch.ts'
import type { TapDevice } from './tap/tap-device.ts'
import { TapWriter } from './tap/tap-writer.ts'
import { type Carrier, LinkCarrier } from './tunnel/carrier.ts'
import { type TunnelReport, Tunnels } from './tunnel/tunnels.ts'

/** Lease time when the namespace gives none, ms: 12 hours, the paper's choice (section 6). */
const DEFAULT_LEASE_MS = 12 * 3_600_000
/**
 * How long the carrier is off when a lease is lost, ms. Linux reports the changes of all links together, at most once a
 * second (net/core/link_watch.c); nobody sees a carrier that goes and comes back between two reports.
 */
const BOUNCE_MS = 1_500

export interface VirtualNetworkParts {
  readonly tap: TapDevice
  readonly overlay: Overlay
  readonly dht: Pick<Dht, 'get'>
  readonly leases: Leases
  readonly pool: Cidr
  readonly keys: NamespaceKeys
  readonly clock: Clock
  readonly random: Random
  /** The namespace's lease time, ms. */
  readonly leaseMs?: number
  /** DNS domain told to clients. */
  readonly domain?: string
  /** Past JavaScript, over UDP; undefined: all packets take the overlay's links. */
  readonly fast?: FastPath
  readonly log?: Log
}

export class VirtualNetwork {
  readonly #parts: VirtualNetworkParts
  readonly #log: Log
  readonly #counters = new Counters()
  readonly #dhcp: DhcpServer
  readonly #tunnels: Tunnels
  readonly #switch: Switch
  #carrierTimer: Timer | undefined
  /** Lost leases to report when the carrier is back. */
  readonly #untold: Lease[] = []
  /** Lost leases of clients that have no other lease yet. */
  readonly #lostLeases = new Map<ClientId, Lease>()
  #onBound: (bound: Bound) => void = () => {}
  #onLost: (lease: Lease) => void = () => {}
  #running = false

  constructor(parts: VirtualNetworkParts) {
    this.#parts = parts
    this.#log = parts.log ?? SILENT
    const { tap, overlay, dht, leases, pool, keys, clock, random } = parts
    const counters = this.#counters
    const writer = new TapWriter({ tap, counters, mac: AGENT_MAC })
    const resolver = new Resolver({ dht, keys, clock, counters })
    const carrier: Carrier = new LinkCarrier(overlay)
    const { fast } = parts
    const ground = { self: overlay.self, keys, clock, random, counters, mtu: tap.mtu }
    const tunnels = new Tunnels({ ...ground, carrier, resolver, fast })
    const inbound = new Inbound({ pool, mtu: tap.mtu, leases, resolver, writer, clock, counters, tunnels })
    const dhcp = new DhcpServer({
      leases,
      facts: { server: serviceAddressOf(pool), serverMac: AGENT_MAC, pool, mtu: tap.mtu, domain: parts.domain },
      leaseMs: parts.leaseMs ?? DEFAULT_LEASE_MS,
      clock,
      counters,
      log: this.#log,
      send: (frame) => writer.frame(frame),
    })
    const arp = new ArpResponder({ pool, leases, mac: AGENT_MAC })
    this.#tunnels = tunnels
    this.#dhcp = dhcp
    this.#switch = new Switch({ pool, mac: AGENT_MAC, mtu: tap.mtu, leases, arp, dhcp, tunnels, writer, counters })
    dhcp.onBound = (bound) => {
      this.#lostLeases.delete(bound.lease.client)
      this.#onBound(bound)
    }
    tunnels.onPacket = (peer, packet) => inbound.fromPeer(peer, packet)
  }

  /** Handles frames from now on; DHCP waits for `setReady`. */
  start(): void {
    if (this.#running) return
    this.#running = true
    const { tap, leases } = this.#parts
    tap.onFrames = (frames) => {
      if (this.#running) this.#switch.fromTap(frames)
    }
    leases.onLost = (lease) => this.#lost(lease)
    this.#tunnels.start()
    this.#parts.fast?.start()
  }

  /** Leaves the tap open: it belongs to its creator. */
  stop(): void {
    this.#running = false
    this.#carrierTimer?.cancel()
    this.#parts.fast?.stop()
    this.#tunnels.stop()
    this.#dhcp.stop()
  }

  /** The last value given to `setReady`. */
  get ready(): boolean {
    return this.#dhcp.ready
  }

  /** The node is correctly connected and its DHT answers: serves the clients that waited. */
  setReady(ready = true): void {
    this.#dhcp.setReady(ready)
  }

  /** An address was acknowledged to a client (for the first one, the paper's T2). */
  set onBound(handler: (bound: Bound) => void) {
    this.#onBound = handler
  }

  /** A lease turned out to be another's; called when the carrier is back, so a client can be made to ask at once. */
  set onLost(handler: (lease: Lease) => void) {
    this.#onLost = handler
  }

  /** Addresses lost to other nodes whose clients have no other address yet and may still use the lost one. */
  get lost(): readonly Ip4[] {
    const now = this.#parts.clock.now()
    return [...this.#lostLeases.values()].filter(({ expiresAt }) => expiresAt > now).map(({ ip }) => ip)
  }

  /** Why the last client got no address; undefined when it got one. */
  get dhcpProblem(): LeaseFailure | undefined {
    return this.#dhcp.problem
  }

  /** One report for each virtual address with which packets were exchanged. */
  tunnels(): TunnelReport[] {
    return this.#tunnels.reports()
  }

  /** Frames and packets counted by their fate; `drop-*` names the reason. */
  counters(): Record<string, number> {
    return { ...this.#counters.snapshot(), ...this.#parts.fast?.tables.statistics() }
  }

  /**
   * A NAK on the next renewal would come hours too late. From here on no packet with the address leaves this node
   * (switch.ts) or reaches the tap (inbound.ts). If the machine itself has the address, it loses it. Clients that watch
   * the carrier ask again when it comes back.
   */
  #lost(lease: Lease): void {
    this.#log.warn('a lease was lost to another node', { ip: formatIp4(lease.ip), mac: lease.mac })
    this.#counters.add('lease-lost')
    this.#lostLeases.set(lease.client, lease)
    this.#parts.fast?.review()
    this.#dhcp.leaseLost(lease)
    const { tap, clock } = this.#parts
    if (lease.mac === tap.mac) this.#removeAddress(lease.ip)
    tap.setCarrier(false)
    this.#carrierTimer?.cancel()
    this.#untold.push(lease)
    this.#carrierTimer = clock.after(BOUNCE_MS, () => {
      tap.setCarrier(true)
      for (const each of this.#untold.splice(0)) this.#onLost(each)
    })
  }

  #removeAddress(ip: Ip4): void {
    const { tap } = this.#parts
    try {
      tap.removeAddress(ip)
    } catch (error) {
      this.#log.warn('the lost address stays on the tap', {
        ip: formatIp4(ip),
        tap: tap.name,
        reason: messageOf(error),
      })
    }
  }
}
