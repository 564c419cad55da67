/** The machines of a `DatagramNetwork`: hosts with their sockets, and NATs with the networks behind them. */

import type { SideOpener } from '../agent/transport/udp/hard-nats.ts'
import type { DatagramSocket, UdpEndpoint } from '../agent/underlay/datagrams.ts'
import { portOf, udpEndpoint } from '../agent/underlay/udp-endpoint.ts'
import type { NatTable } from './datagram-nat.ts'
import type { Hold } from './node-clock.ts'

/** Ports that the system chooses from (RFC 6335). */
const FIRST_DYNAMIC_PORT = 49_152

/** Datagrams that wait in the kernel for a process that gets no time; more are lost. */
const HELD_DATAGRAMS = 1_000

/** A network within which addresses are unique. */
export class Realm {
  readonly machines = new Map<string, SimHost | SimNat>()
  readonly gateway: SimNat | undefined
  readonly #numbered: (n: number) => string
  #last = 0

  constructor(numbered: (n: number) => string, gateway?: SimNat) {
    this.#numbered = numbered
    this.gateway = gateway
  }

  /** `wanted`, or the next address. @throws when `wanted` is taken */
  free(wanted?: string): string {
    if (wanted !== undefined && this.machines.has(wanted)) throw new Error(`${wanted} is taken`)
    return wanted ?? this.#numbered(++this.#last)
  }
}

/** A NAT with the network behind it. All NATs number their networks alike, as home routers do. */
export class SimNat {
  readonly outside: Realm
  readonly inside = new Realm((n) => `192.168.${n >> 8}.${n & 255}`, this)
  readonly table: NatTable

  constructor(outside: Realm, table: NatTable) {
    this.outside = outside
    this.table = table
  }

  /** Forgets every mapping, as at a restart; see `NatTable.rebind`. */
  rebind(): void {
    this.table.rebind()
  }
}

/** A machine with one IP address. */
export class SimHost {
  readonly realm: Realm
  readonly ip: string
  /** The largest IP packet on this machine's line, bytes, both ways. */
  mtu = Number.POSITIVE_INFINITY
  /** Whether a firewall before this machine drops all UDP. */
  udpBlocked = false
  readonly opener: SideOpener = { open: async () => this.socket(), keep: async (socket) => socket }
  readonly #sockets = new Map<number, SimSocket>()
  #held: Hold | undefined
  /** What arrives while the host is held, and is not lost. */
  #waiting: (() => void)[] = []
  readonly #send: (datagram: Uint8Array, from: UdpEndpoint, to: UdpEndpoint) => void

  constructor(realm: Realm, ip: string, send: (datagram: Uint8Array, from: UdpEndpoint, to: UdpEndpoint) => void) {
    this.realm = realm
    this.ip = ip
    this.#send = send
  }

  get openSockets(): number {
    return this.#sockets.size
  }

  /** @throws when the port is taken */
  socket(port = this.#freePort()): SimSocket {
    if (this.#sockets.has(port)) throw new Error(`port ${port} of ${this.ip} is taken`)
    const endpoint = udpEndpoint(this.ip, port)
    if (endpoint === undefined) throw new Error(`${this.ip} port ${port} is no endpoint`)
    const socket = new SimSocket(endpoint, {
      send: (datagram, to) => this.#send(datagram, endpoint, to),
      closed: () => this.#sockets.delete(port),
    })
    this.#sockets.set(port, socket)
    return socket
  }

  /** A machine that sleeps hears nothing; in all other cases the kernel, or the host of the machine, keeps what comes. */
  hold(how: Hold): void {
    this.#held ??= how
  }

  resume(): void {
    this.#held = undefined
    for (const arrive of this.#waiting.splice(0)) arrive()
  }

  /** Starts again, whatever was before: sockets that were open are closed. */
  reboot(): void {
    for (const socket of [...this.#sockets.values()]) socket.close()
    this.udpBlocked = false
    this.resume()
  }

  /** Returns why no socket got the datagram; undefined when one did, or will. */
  deliver(datagram: Uint8Array, from: UdpEndpoint, to: UdpEndpoint): 'asleep' | 'full' | 'nobody' | undefined {
    const socket = this.#sockets.get(portOf(to))
    if (this.#held === 'sleep') return 'asleep'
    if (socket === undefined) return 'nobody'
    if (this.#held === undefined) socket.receive(datagram, from)
    else if (this.#waiting.length < HELD_DATAGRAMS) this.#waiting.push(() => socket.receive(datagram, from))
    else return 'full'
    return undefined
  }

  /** The kernel hears that nobody listens where a socket of this machine has sent to. */
  refused(source: UdpEndpoint, to: UdpEndpoint): void {
    if (this.#held === undefined) this.#sockets.get(portOf(source))?.refused(to)
  }

  #freePort(): number {
    let port = FIRST_DYNAMIC_PORT
    while (this.#sockets.has(port)) port++
    return port
  }
}

/** A datagram that arrives before `onDatagram` is set is lost. */
export class SimSocket implements DatagramSocket {
  /** Where the socket is on its own network, behind its NATs. */
  readonly endpoint: UdpEndpoint
  readonly port: number
  readonly #parts: { send(datagram: Uint8Array, to: UdpEndpoint): void; closed(): void }
  #handler: ((datagram: Uint8Array, from: UdpEndpoint) => void) | undefined
  /** Nobody listens where a datagram was sent to (ICMP: port unreachable). */
  onRefused: (to: UdpEndpoint) => void = () => {}
  #closed = false

  constructor(endpoint: UdpEndpoint, parts: { send(datagram: Uint8Array, to: UdpEndpoint): void; closed(): void }) {
    this.endpoint = endpoint
    this.port = portOf(endpoint)
    this.#parts = parts
  }

  send(datagram: Uint8Array, to: UdpEndpoint): void {
    if (!this.#closed) this.#parts.send(datagram, to)
  }

  set onDatagram(handler: (datagram: Uint8Array, from: UdpEndpoint) => void) {
    this.#handler = handler
  }

  receive(datagram: Uint8Array, from: UdpEndpoint): void {
    if (!this.#closed) this.#handler?.(datagram, from)
  }

  refused(to: UdpEndpoint): void {
    this.onRefused(to)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#parts.closed()
  }
}
