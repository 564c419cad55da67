/**
 * The fast path of one tap: packets of established flows go between the tap and the UDP socket without JavaScript.
 *
 * Guarantees: a packet goes past JavaScript only if, at that moment, JavaScript would let it through: its address has a
 * usable lease here, the other address is believed to be at the peer of that lane, and this node has not been away. The
 * tables count for as long as `Vigil` takes a gap for none, so after a sleep nothing passes before the leases were asked for.
 */

import { type Clock, every, type Timer } from '../../core/clock.ts'
import type { Ip4 } from '../../core/ip.ts'
import type { Random } from '../../core/random.ts'
import { ABSENT_AFTER_MS, type Vigil } from '../../core/vigil.ts'
import type { Lease, Leases } from '../../lease/lease.ts'
import type { Address } from '../../overlay/address.ts'
import type { Paths } from '../../underlay/paths.ts'
import { PERMIT_PERIOD_MS } from '../constants.ts'
import type { LaneTables } from './lane-tables.ts'

/** An index's lowest bits are its place in the table, which has so many: agent/native/lanes.h. */
const PLACES = 4_096

/** This node's end of a tunnel's lanes; gets what comes on them and no table decides. */
export interface LaneEnd {
  readonly peer: Address
  /** The path to the peer is there, is gone, or is another. */
  pathChanged(): void
  /** A packet of the peer, valid during the call. */
  took(packet: Uint8Array): void
  /** A record as long as one with a packet of `length` bytes came on the lane. */
  probed(index: number, length: number): void
}

export interface FastPathParts {
  readonly tables: LaneTables
  readonly paths: Paths
  readonly leases: Pick<Leases, 'held' | 'usable'>
  readonly vigil: Vigil
  readonly clock: Clock
  readonly random: Random
}

export class FastPath {
  readonly tables: LaneTables
  readonly paths: Paths
  readonly #parts: FastPathParts
  /** By their places in the table. */
  readonly #claims = new Map<number, { readonly index: number; readonly end: LaneEnd }>()
  readonly #watchers = new Map<Address, LaneEnd>()
  /** The leases in the table of locals. */
  readonly #locals = new Map<Ip4, Lease>()
  #timer: Timer | undefined

  constructor(parts: FastPathParts) {
    this.#parts = parts
    this.tables = parts.tables
    this.paths = parts.paths
    parts.tables.onLane = (index, packet, from) => this.#deliver(index, packet, from)
    parts.paths.onPath = (peer) => this.#watchers.get(peer)?.pathChanged()
    parts.vigil.onAbsence(() => this.#revoke())
  }

  start(): void {
    const { clock, random } = this.#parts
    this.#timer ??= every(clock, random, PERMIT_PERIOD_MS, () => this.review())
    this.review()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#revoke()
  }

  /** Brings the table of locals in line with the leases. */
  review(): void {
    if (this.#timer === undefined) return
    const { leases, clock, tables, vigil } = this.#parts
    vigil.look()
    const now = clock.now()
    const usable = leases.held().filter(({ ip }) => leases.usable(ip) !== undefined)
    const kept = new Set(usable.map(({ ip }) => ip))
    for (const ip of this.#locals.keys()) if (!kept.has(ip)) this.#removeLocal(ip)
    for (const lease of usable) {
      const { ip, mac, expiresAt } = lease
      const known = this.#locals.get(ip)
      // Whoever changes a table keeps the threads waiting for as long as JavaScript waits for a processor.
      if (known?.mac === mac && known.expiresAt === expiresAt) continue
      this.#locals.set(ip, lease)
      tables.setLocal(ip, mac, expiresAt - now)
    }
    tables.permit(ABSENT_AFTER_MS)
  }

  /** From now on `end` is told when the path to its peer changes. */
  watch(end: LaneEnd): void {
    this.#watchers.set(end.peer, end)
  }

  unwatch(end: LaneEnd): void {
    this.#watchers.delete(end.peer)
  }

  /** A receiver index of this node for a lane; undefined when there are none left. */
  claim(end: LaneEnd): number | undefined {
    if (this.#claims.size >= PLACES / 2) return undefined
    let index: number
    do index = this.#parts.random.below(2 ** 32)
    while (index === 0 || this.#claims.has(index % PLACES))
    this.#claims.set(index % PLACES, { index, end })
    return index
  }

  /** Closes the lane of the index, if it was opened. */
  release(index: number): void {
    this.tables.close(index)
    this.#claims.delete(index % PLACES)
  }

  #removeLocal(ip: Ip4): void {
    this.#locals.delete(ip)
    this.tables.removeLocal(ip)
  }

  #revoke(): void {
    this.tables.permit(0)
    for (const ip of [...this.#locals.keys()]) this.#removeLocal(ip)
  }

  #deliver(index: number, body: Uint8Array, from: { ip: string; port: number }): void {
    const claim = this.#claims.get(index % PLACES)
    if (claim?.index !== index) return
    const { end } = claim
    if (body.length === 0) this.paths.heardFrom(end.peer, from.ip, from.port)
    else if (body[0] === 0) end.probed(index, (body[1]! << 8) | body[2]!)
    else end.took(body)
  }
}
