/** Test doubles for what is around lanes: the addon's tables and the paths of sessions, in virtual time. */

import { hex } from '../../../agent/core/bytes.ts'
import type { Clock } from '../../../agent/core/clock.ts'
import type { Ip4, Mac } from '../../../agent/core/ip.ts'
import type { LanePath } from '../../../agent/native/lanes.ts'
import type { LaneKeys, LaneTables } from '../../../agent/net/lane/lane-tables.ts'
import type { Address } from '../../../agent/overlay/address.ts'
import type { Paths } from '../../../agent/underlay/paths.ts'

interface MemoryLane {
  readonly remote: number
  readonly keys: LaneKeys
  path: LanePath | undefined
  longest: number
  sent: number
  got: number
}

/** Where every node's records arrive, 1 ms later. */
export class MemoryWire {
  readonly clock: Clock
  readonly nodes = new Map<string, MemoryLaneTables>()
  /** Longer records are lost; so is everything while it is 0. */
  carries = 65_535
  /** Bytes of the packets in all records. */
  readonly lengths: number[] = []

  constructor(clock: Clock) {
    this.clock = clock
  }
}

/** What agent/native/lanes.ts does, but no packet goes past JavaScript: all are delivered. */
export class MemoryLaneTables implements LaneTables {
  readonly ip: string
  readonly lanes = new Map<number, MemoryLane>()
  readonly routes = new Map<Ip4, number>()
  readonly locals = new Map<Ip4, Mac>()
  permittedUntil = 0
  /** Records that no key opened. */
  forged = 0
  readonly #wire: MemoryWire
  #onLane: (index: number, packet: Uint8Array, from: { ip: string; port: number }) => void = () => {}

  constructor(ip: string, wire: MemoryWire) {
    this.ip = ip
    this.#wire = wire
    wire.nodes.set(ip, this)
  }

  set onLane(handler: (index: number, packet: Uint8Array, from: { ip: string; port: number }) => void) {
    this.#onLane = handler
  }

  deliverFrom(index: number, body: Uint8Array, from: { ip: string; port: number }): void {
    this.#onLane(index, body, from)
  }

  open(index: number, remote: number, keys: LaneKeys): boolean {
    if (this.lanes.has(index)) return false
    this.lanes.set(index, { remote, keys, path: undefined, longest: 0, sent: 0, got: 0 })
    return true
  }

  setPath(index: number, path: LanePath | undefined, longest: number): void {
    const lane = this.lanes.get(index)
    if (lane !== undefined) Object.assign(lane, { path, longest })
  }

  close(index: number): void {
    this.lanes.delete(index)
    for (const [ip, lane] of this.routes) if (lane === index) this.routes.delete(ip)
  }

  send(index: number, packet: Uint8Array): boolean {
    const lane = this.lanes.get(index)
    if (lane?.path === undefined) return false
    const halves = packet.length > lane.longest ? 2 : 1
    this.#record(lane, Math.ceil(packet.length / halves), packet.slice())
    return true
  }

  probe(index: number, length: number): boolean {
    const lane = this.lanes.get(index)
    if (lane?.path === undefined) return false
    this.#record(lane, length, Uint8Array.of(0, length >> 8, length & 0xff))
    return true
  }

  setRoute(ip: Ip4, index: number): void {
    this.routes.set(ip, index)
  }

  removeRoute(ip: Ip4): void {
    this.routes.delete(ip)
  }

  setLocal(ip: Ip4, mac: Mac): void {
    this.locals.set(ip, mac)
  }

  removeLocal(ip: Ip4): void {
    this.locals.delete(ip)
  }

  permit(forMs: number): void {
    this.permittedUntil = this.#wire.clock.now() + forMs
  }

  counts(index: number): { sentPackets: number; gotPackets: number } {
    const lane = this.lanes.get(index)
    return { sentPackets: lane?.sent ?? 0, gotPackets: lane?.got ?? 0 }
  }

  routeBytes(): { sent: number; got: number } {
    return { sent: 0, got: 0 }
  }

  statistics(): Record<string, number> {
    return {}
  }

  #record(lane: MemoryLane, length: number, body: Uint8Array): void {
    const { path, keys, remote } = lane
    lane.sent++
    this.#wire.lengths.push(length)
    if (length > this.#wire.carries) return
    const from = { ip: this.ip, port: 1 }
    this.#wire.clock.after(1, () => {
      const there = this.#wire.nodes.get(path?.ip ?? '')
      const other = there?.lanes.get(remote)
      if (there === undefined || other === undefined) return
      if (hex(other.keys.receive) !== hex(keys.send)) {
        there.forged++
        return
      }
      other.got++
      there.#onLane(remote, body, from)
    })
  }
}

/** Paths that a test opens and closes. */
export class MemoryPaths implements Paths {
  readonly #paths = new Map<Address, LanePath>()
  readonly heard: string[] = []
  #onPath: (peer: Address) => void = () => {}

  set onPath(handler: (peer: Address) => void) {
    this.#onPath = handler
  }

  pathTo(peer: Address): LanePath | undefined {
    return this.#paths.get(peer)
  }

  heardFrom(_peer: Address, ip: string, port: number): void {
    this.heard.push(`${ip}:${port}`)
  }

  set(peer: Address, ip: string | undefined): void {
    if (ip === undefined) this.#paths.delete(peer)
    else this.#paths.set(peer, { socket: {}, ip, port: 1 })
    this.#onPath(peer)
  }
}
