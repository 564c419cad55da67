/** The machines of a `DatagramNetwork`: hosts with their sockets, and NATs with the networks behind them. */

import type { SideOpener } from '../agent/transport/udp/hard-nats.ts'
import type { DatagramSocket, UdpEndpoint } from '../agent/underlay/datagrams.ts'
import { portOf, udpEndpoint } from '../agent/underlay/udp-endpoint.ts'
import type { NatTable } from './datagram-nat.ts'

/** Ports that the system chooses from (RFC 6335). */
const FIRST_DYNAMIC_PORT = 49_152

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

  /** False when no socket is at `to`. */
  deliver(datagram: Uint8Array, from: UdpEndpoint, to: UdpEndpoint): boolean {
    const socket = this.#sockets.get(portOf(to))
    socket?.receive(datagram, from)
    return socket !== undefined
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
    this.#handler?.(datagram, from)
  }

  close(): void {
    this.#closed = true
    this.#parts.closed()
  }
}
