/**
 * The tables of the fast path (lanes.h): what this program has decided, for the threads that move packets between the tap
 * and the UDP socket. Everything that no table decides comes to JavaScript.
 */

import { type Ip4, type Mac, macBytes } from '../core/ip.ts'
import { addon } from './addon.ts'

interface Addon {
  createLanes(agentMac: Uint8Array): object
  openLane(lanes: object, index: number, remote: number, sendKey: Uint8Array, receiveKey: Uint8Array): boolean
  setPath(lanes: object, index: number, socket: object | undefined, ip: string, port: number, longest: number): void
  closeLane(lanes: object, index: number): void
  sendOn(lanes: object, index: number, packet: Uint8Array, probe: boolean): boolean
  setRoute(lanes: object, ip: number, index: number): void
  setLocal(lanes: object, ip: number, mac: Uint8Array, forMs: number): void
  removeLocal(lanes: object, ip: number): void
  permit(lanes: object, forMs: number): void
  setGate(lanes: object, mac: Uint8Array, cookie: Uint8Array, formerCookie: Uint8Array): void
  countsOfLane(lanes: object, index: number, into: Float64Array): void
  countsOfRoute(lanes: object, ip: number, into: Float64Array): void
  statistics(lanes: object, into: Float64Array): void
}

/** In the order of statistics.h; what is dropped begins with `drop-`. */
const STATISTICS = [
  'fast-packets-out',
  'fast-packets-in',
  'fast-tap-writes',
  'fast-udp-sends',
  'drop-record-no-lane',
  'drop-record-short',
  'drop-record-forged',
  'drop-record-replayed',
  'drop-record-odd',
  'drop-fast-tap-full',
  'drop-fast-udp-full',
  'drop-fast-queue-full',
  'drop-bad-offload',
  'drop-probe-flood',
  'drop-mail-full',
  'drop-looped',
  'drop-wrong-mac',
  'drop-handshake-flood',
  'drop-handshake-without-cookie',
] as const

/** What tells nodes from strangers by the first messages of their handshakes. */
export interface GateKeys {
  /** The key of their MACs, 32 bytes. */
  readonly mac: Uint8Array
  /** The secrets behind cookies, 32 bytes each: the present one, the former one. */
  readonly cookies: readonly [present: Uint8Array, former: Uint8Array]
}

/** An endpoint at which a node has proven itself, and the socket that reaches it (a handle of the addon). */
export interface LanePath {
  readonly socket: object
  readonly ip: string
  readonly port: number
}

export interface LaneCounts {
  readonly sentPackets: number
  readonly gotPackets: number
}

export class Lanes {
  /** undefined where the addon does not load: Node's own sockets do, without a fast path. */
  static orNone(agentMac: Mac): Lanes | undefined {
    try {
      return new Lanes(agentMac)
    } catch {
      return undefined
    }
  }

  /** For the addon's functions that open taps and sockets. */
  readonly handle: object
  readonly #addon: Addon
  readonly #counts = new Float64Array(2)
  #onLane: (index: number, packet: Uint8Array, from: { readonly ip: string; readonly port: number }) => void = () => {}

  /** @throws as `addon` does */
  constructor(agentMac: Mac) {
    this.#addon = addon<Addon>()
    this.handle = this.#addon.createLanes(macBytes(agentMac))
  }

  /** What came on a lane and no table decides: see `inbound.h`. The bytes are valid during the call. */
  set onLane(handler: (index: number, packet: Uint8Array, from: { ip: string; port: number }) => void) {
    this.#onLane = handler
  }

  deliver(index: number, packet: Uint8Array, from: { ip: string; port: number }): void {
    this.#onLane(index, packet, from)
  }

  /** Returns false when the index is taken. */
  open(index: number, remote: number, keys: { readonly send: Uint8Array; readonly receive: Uint8Array }): boolean {
    return this.#addon.openLane(this.handle, index, remote, keys.send, keys.receive)
  }

  /** @param longest packet that goes in one record, bytes; a longer one goes in two */
  setPath(index: number, path: LanePath | undefined, longest: number): void {
    this.#addon.setPath(this.handle, index, path?.socket, path?.ip ?? '', path?.port ?? 0, longest)
  }

  /** With its routes. */
  close(index: number): void {
    this.#addon.closeLane(this.handle, index)
  }

  /** Returns false when there is no way to the peer, or the kernel takes no more. */
  send(index: number, packet: Uint8Array): boolean {
    return this.#addon.sendOn(this.handle, index, packet, false)
  }

  /** Sends a record with as many bytes as a packet of that length would have. */
  probe(index: number, length: number): boolean {
    return this.#addon.sendOn(this.handle, index, new Uint8Array(length), true)
  }

  /** Packets to `ip` take that lane, and packets from it must come on that lane. */
  setRoute(ip: Ip4, index: number): void {
    this.#addon.setRoute(this.handle, ip, index)
  }

  removeRoute(ip: Ip4): void {
    this.#addon.setRoute(this.handle, ip, 0)
  }

  /** The station `mac` on our tap may use `ip` for so long, ms. */
  setLocal(ip: Ip4, mac: Mac, forMs: number): void {
    this.#addon.setLocal(this.handle, ip, macBytes(mac), forMs)
  }

  removeLocal(ip: Ip4): void {
    this.#addon.removeLocal(this.handle, ip)
  }

  /** The tables count from now on for so long, ms; the clock counts sleep. */
  permit(forMs: number): void {
    this.#addon.permit(this.handle, forMs)
  }

  /** From now on the threads look at the first messages of handshakes before they come here (gate.h). */
  setGate({ mac, cookies }: GateKeys): void {
    this.#addon.setGate(this.handle, mac, ...cookies)
  }

  counts(index: number): LaneCounts {
    this.#counts.fill(0)
    this.#addon.countsOfLane(this.handle, index, this.#counts)
    return { sentPackets: this.#counts[0]!, gotPackets: this.#counts[1]! }
  }

  /** Bytes sent and got on a route, since it was set. */
  routeBytes(ip: Ip4): { readonly sent: number; readonly got: number } {
    this.#addon.countsOfRoute(this.handle, ip, this.#counts)
    return { sent: this.#counts[0]!, got: this.#counts[1]! }
  }

  /** How many packets and records met which fate. */
  statistics(): Record<string, number> {
    const counts = new Float64Array(STATISTICS.length)
    this.#addon.statistics(this.handle, counts)
    return Object.fromEntries(STATISTICS.map((name, i) => [name, counts[i]!]).filter(([, count]) => count !== 0))
  }
}
