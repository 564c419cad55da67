/**
 * The network of a ring whose nodes run the agent's own links over UDP: node sessions, reliable streams, punching and relays,
 * over simulated sockets, lines and NATs.
 *
 * A node has one machine for good, with one socket in each of its runs, always at the same port.
 */

import type { Clock } from '../agent/core/clock.ts'
import { Counters } from '../agent/core/counters.ts'
import { SEED_BYTES } from '../agent/core/ed25519.ts'
import type { Random } from '../agent/core/random.ts'
import type { Address } from '../agent/overlay/address.ts'
import { DialRules } from '../agent/transport/dial-rules.ts'
import { HiddenNetworks } from '../agent/transport/hidden-networks.ts'
import { type Identity, identityFromSeed } from '../agent/transport/identity.ts'
import { UdpLinks } from '../agent/transport/udp/links.ts'
import type { UdpLinksParts } from '../agent/transport/udp/parts.ts'
import { KeepAlive } from '../agent/underlay/keep-alive.ts'
import type { SimHost, SimSocket } from './datagram-host.ts'
import type { DatagramWeather } from './datagram-line.ts'
import { DatagramNetwork } from './datagram-network.ts'
import { FrameDigest } from './frame-digest.ts'
import type { Hold } from './node-clock.ts'
import type { RingNetwork, Run } from './ring-network.ts'
import type { SeededRandom } from './seeded-random.ts'
import { UdpSites } from './udp-sites.ts'

const RING_KEY = new Uint8Array(32).fill(7)
const PORT = 4_001

interface Seat {
  readonly host: SimHost
  /** Of the last run. */
  socket: SimSocket
  links: UdpLinks
  silence: KeepAlive
}

export class UdpNetwork implements RingNetwork {
  readonly datagrams: DatagramNetwork
  canTalk: (from: Address, to: Address) => boolean = () => true
  readonly #ringKey: Uint8Array | undefined
  readonly #sites: UdpSites
  readonly #digest = new FrameDigest()
  readonly #identities = new Map<Address, Identity>()
  readonly #seats = new Map<Address, Seat>()
  readonly #owners = new Map<SimHost, Address>()

  /** `shared`: anybody may join the ring. */
  constructor(clock: Clock, random: SeededRandom, shared = false) {
    this.#ringKey = shared ? undefined : RING_KEY
    this.datagrams = new DatagramNetwork(clock, random)
    this.#sites = new UdpSites(this.datagrams, random)
    this.datagrams.canTalk = (from, to) => this.canTalk(this.#ownerOf(from), this.#ownerOf(to))
    this.datagrams.onSent = (from, datagram) => this.#digest.add(clock.now(), this.#ownerOf(from), datagram)
  }

  get weather(): DatagramWeather {
    return this.datagrams.weather
  }

  get frames(): number {
    return this.datagrams.counters.get('sent')
  }

  framesDigest(): string {
    return this.#digest.hex()
  }

  newAddress(random: Random): Address {
    const identity = identityFromSeed(random.bytes(SEED_BYTES))
    this.#identities.set(identity.address, identity)
    return identity.address
  }

  host(address: Address, { nat, behind, clock, random }: Run): UdpLinks {
    const former = this.#seats.get(address)
    const host = former?.host ?? this.datagrams.host(behind ?? this.#sites.natOf(nat))
    host.reboot()
    const socket = host.socket(PORT)
    const silence = new KeepAlive({ clock, random, openSocket: async () => host.socket() })
    const parts = { clock, random, socket, silence, opener: host.opener, identity: this.#identities.get(address)! }
    const links = this.#linksWith(parts)
    socket.onRefused = (to) => links.refused(to)
    this.#seats.set(address, { host, socket, links, silence })
    this.#owners.set(host, address)
    return links
  }

  /** What a node knows of the silence that its NATs allow. */
  silenceOf(address: Address): KeepAlive | undefined {
    return this.#seats.get(address)?.silence
  }

  endpointsOf(address: Address): string[] {
    return this.#seats.get(address)?.links.endpoints() ?? []
  }

  hold(address: Address, how: Hold): void {
    this.#seats.get(address)?.host.hold(how)
  }

  resume(address: Address): void {
    this.#seats.get(address)?.host.resume()
  }

  rebind(address: Address): void {
    this.#seats.get(address)?.host.realm.gateway?.rebind()
  }

  powerOff(address: Address): void {
    const seat = this.#seats.get(address)
    if (seat === undefined) return
    seat.socket.close()
    seat.host.udpBlocked = true
  }

  kill(address: Address): void {
    this.#seats.get(address)?.socket.close()
  }

  #ownerOf(host: SimHost): Address {
    return this.#owners.get(host)!
  }

  #linksWith(
    parts: Pick<UdpLinksParts, 'clock' | 'random' | 'silence' | 'opener' | 'identity'> & { readonly socket: SimSocket },
  ): UdpLinks {
    const { clock, socket } = parts
    const rules = new DialRules({ hidden: new HiddenNetworks([], () => clock.now()), listening: () => [], clock })
    const drops = new Counters()
    const listening = () => [socket.endpoint]
    const ringKey = this.#ringKey
    return new UdpLinks({ ...parts, ringKey, listening, announce: [], rules, drops })
  }
}
