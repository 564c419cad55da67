/**
 * Networks of UDP sockets in virtual time: the Internet, and networks behind NATs, which may stand behind each other.
 *
 * A datagram leaves through the NATs on its way when it is sent, and enters those before its receiver when it arrives,
 * so two nodes can punch holes for each other. Every datagram that does not arrive is counted by reason. A machine that is
 * there and has no socket at a port says so to whoever sent (ICMP).
 */

import type { Clock } from '../agent/core/clock.ts'
import { Counters } from '../agent/core/counters.ts'
import type { UdpEndpoint } from '../agent/underlay/datagrams.ts'
import { ipOf, isIp6 } from '../agent/underlay/udp-endpoint.ts'
import { Realm, SimHost, SimNat } from './datagram-host.ts'
import { CALM_DATAGRAMS, DatagramLine, type DatagramWeather } from './datagram-line.ts'
import { type NatBehavior, NatTable } from './datagram-nat.ts'
import type { SeededRandom } from './seeded-random.ts'

/** Headers of IPv4 and of IPv6, each with UDP's, bytes. */
const IP4_UDP_HEADERS = 28
const IP6_UDP_HEADERS = 48

/** A datagram on its way. */
interface Flow {
  readonly host: SimHost
  readonly source: UdpEndpoint
  /** Between the NATs. */
  readonly from: UdpEndpoint
  readonly to: UdpEndpoint
}

export class DatagramNetwork {
  readonly clock: Clock
  readonly weather: DatagramWeather = { ...CALM_DATAGRAMS }
  readonly counters = new Counters()
  /** Whether what one machine sends reaches another; by default all does. Asked for each datagram when it arrives. */
  canTalk: (from: SimHost, to: SimHost) => boolean = () => true
  /** The weather between two machines; by default the same everywhere. Asked for each datagram when it leaves. */
  weatherBetween: (from: SimHost, to: SimHost | SimNat) => DatagramWeather = () => this.weather
  /** Hears of each datagram that is sent, lost ones too. */
  onSent: (from: SimHost, datagram: Uint8Array) => void = () => {}
  readonly #random: SeededRandom
  readonly #internet = new Realm((n) => `198.18.${n >> 8}.${n & 255}`)
  readonly #lines = new Map<string, DatagramLine>()

  constructor(clock: Clock, random: SeededRandom) {
    this.clock = clock
    this.#random = random
  }

  /** A machine on the Internet, or behind `nat`. `ip` is chosen when it is left out; it must be in its canonical form. */
  host(nat?: SimNat, ip?: string): SimHost {
    const realm = nat?.inside ?? this.#internet
    const host: SimHost = new SimHost(realm, realm.free(ip), (datagram, from, to) =>
      this.#send(host, datagram, from, to),
    )
    realm.machines.set(host.ip, host)
    return host
  }

  /** A NAT on the Internet, or behind another, such as a carrier's. */
  nat(behavior: NatBehavior, outer?: SimNat): SimNat {
    const outside = outer?.inside ?? this.#internet
    const ip = outside.free()
    const table = new NatTable({ behavior, ip, clock: this.clock, random: this.#random.fork() })
    const nat = new SimNat(outside, table)
    outside.machines.set(ip, nat)
    return nat
  }

  #send(host: SimHost, datagram: Uint8Array, source: UdpEndpoint, to: UdpEndpoint): void {
    this.counters.add('sent')
    this.counters.add('sent-bytes', datagram.length)
    this.onSent(host, datagram)
    this.#count(this.#leave(host, datagram, source, to))
  }

  /** Returns why the datagram got no further; undefined when it is under way. */
  #leave(host: SimHost, datagram: Uint8Array, source: UdpEndpoint, to: UdpEndpoint): string | undefined {
    if (host.udpBlocked) return 'blocked'
    if (isIp6(source) !== isIp6(to)) return 'nobody'
    if (packetBytes(datagram, to) > Math.min(this.weather.mtu, host.mtu)) return 'mtu'
    let realm = host.realm
    let from = source
    let left: SimNat | undefined
    while (!realm.machines.has(ipOf(to))) {
      left = realm.gateway
      if (left === undefined) return 'nobody'
      const outer = left.table.outbound(from, to)
      if (outer === undefined) return 'nat-ports'
      from = outer
      realm = left.outside
    }
    const first = realm.machines.get(ipOf(to))!
    if (first === left && !left.table.behavior.hairpinning) return 'hairpin'
    const line = this.#line(from, to)
    const flow = { host, source, from, to }
    const arrive = (arrived: Uint8Array) => this.#count(this.#arrive(first, arrived, flow))
    return line.carry(datagram, this.weatherBetween(host, first), arrive) ? undefined : 'loss'
  }

  /** Returns why no socket got the datagram; undefined when one did. */
  #arrive(first: SimHost | SimNat, datagram: Uint8Array, flow: Flow): string | undefined {
    const { host, from } = flow
    let machine: SimHost | SimNat | undefined = first
    let target = flow.to
    while (machine instanceof SimNat) {
      const inner: UdpEndpoint | undefined = machine.table.inbound(target, from)
      if (inner === undefined) return 'filtered'
      target = inner
      machine = machine.inside.machines.get(ipOf(inner))
    }
    if (machine === undefined) return 'nobody'
    if (machine.udpBlocked) return 'blocked'
    if (packetBytes(datagram, target) > machine.mtu) return 'mtu'
    if (!this.canTalk(host, machine)) return 'cannot-talk'
    const dropped = machine.deliver(datagram, from, target)
    if (dropped === 'nobody' && this.canTalk(machine, host)) this.#refuse(flow)
    return dropped
  }

  /** The NATs on the way back let the message through: it names a datagram that they let out. */
  #refuse({ host, source, from, to }: Flow): void {
    this.#line(to, from).carry(new Uint8Array(0), this.weather, () => {
      if (!host.udpBlocked) host.refused(source, to)
    })
  }

  #count(dropped: string | undefined): void {
    if (dropped !== undefined) this.counters.drop(dropped)
  }

  #line(from: UdpEndpoint, to: UdpEndpoint): DatagramLine {
    const key = `${from}>${to}`
    const known = this.#lines.get(key)
    if (known !== undefined) return known
    const line = new DatagramLine(this.clock, this.#random.fork())
    this.#lines.set(key, line)
    return line
  }
}

function packetBytes(datagram: Uint8Array, to: UdpEndpoint): number {
  return datagram.length + (isIp6(to) ? IP6_UDP_HEADERS : IP4_UDP_HEADERS)
}
