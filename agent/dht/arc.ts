/**
 * One side of a node: the arc to its neighbour there, how far this node knows every accepted entry, and how far it
 * keeps entries.
 *
 * `extent` is how far to this side the node knows every accepted entry. When a new neighbour comes in between, `extent`
 * reaches past it until the newcomer knows as much. Before the newcomer answers for what lies past it, it relieves this
 * node of that part. From then on others accept entries there that this node never hears of, so this node must no
 * longer vouch for that part. It keeps the entries for `RETAIN_MS`, because the neighbour may vanish again.
 */

import type { Clock, Timer } from '../core/clock.ts'
import { ADDRESS_BITS, type Address } from '../overlay/address.ts'
import { type Side, walk } from '../overlay/neighborhood.ts'
import { RETAIN_MS } from './constants.ts'

/** Length of the whole ring. */
export const CIRCLE = 1n << BigInt(ADDRESS_BITS)

export class Arc {
  readonly side: Side
  readonly #self: Address
  readonly #clock: Clock
  #neighbor: Address | undefined
  #open = false
  #extent = 0n
  #kept = 0n
  #bounded = false
  /** Fires when entries beyond the neighbour need no longer be kept. */
  #retained: Timer | undefined
  /** This node has relieved the neighbour, which vouches for nothing past this node. */
  relieved = false
  /** Changes with every neighbour; work begun for an earlier one is given up. */
  epoch = 0
  /** When the neighbour last answered a request of the takeover. */
  heardAt = 0

  constructor(self: Address, side: Side, clock: Clock) {
    this.#self = self
    this.side = side
    this.#clock = clock
  }

  get neighbor(): Address | undefined {
    return this.#neighbor
  }

  /** The neighbour has handed over what it holds and no accepted entry is missing: this node may answer for the arc. */
  get open(): boolean {
    return this.#open
  }

  get extent(): bigint {
    return this.#extent
  }

  /** The neighbour has relieved this node of what lies past it. */
  get bounded(): boolean {
    return this.#bounded
  }

  /** How far this node has entries, both those it vouches for and those it only keeps. */
  get reach(): bigint {
    return maxOf(this.#extent, this.#kept)
  }

  /** Whether this node knows every accepted entry between itself and its neighbour. */
  get covers(): boolean {
    return this.#neighbor !== undefined && this.#extent >= this.distanceTo(this.#neighbor)
  }

  /** The way to `point` in the direction of this side. */
  distanceTo(point: Address): bigint {
    return walk(this.#self, this.side, point)
  }

  /** The neighbour changed or is gone: resets everything about it. */
  turn(neighbor: Address | undefined): void {
    this.#neighbor = neighbor
    this.#open = false
    this.#bounded = false
    this.relieved = false
    this.epoch++
    this.#retained?.cancel()
  }

  /** A node that never met another knows every entry. */
  knowAll(): void {
    this.#extent = CIRCLE
  }

  /** This node was away: it vouches for nothing, and keeps its entries until the arc is open again. */
  doubt(): void {
    this.#kept = this.reach
    this.#extent = 0n
  }

  /** This node is about to answer for the arc to `neighbor`. */
  openTo(neighbor: Address): void {
    this.#open = true
    this.#extent = maxOf(this.#extent, this.distanceTo(neighbor))
    this.#retain(neighbor)
  }

  /** The neighbour handed over all it holds; it knows every entry up to `theirs` toward this node. */
  learn(neighbor: Address, theirs: bigint): void {
    const between = this.distanceTo(neighbor)
    if (this.#extent + theirs >= between) this.#extent = maxOf(this.#extent, between)
  }

  /** The neighbour on the other side handed over every entry up to `distance` on this side. */
  learnPast(distance: bigint): void {
    // Past a neighbour that has relieved this node, entries change without it: the page may be older than that.
    const isBounded = this.#bounded && this.#neighbor !== undefined
    const bound = isBounded ? this.distanceTo(this.#neighbor!) : CIRCLE
    this.#extent = maxOf(this.#extent, minOf(distance, bound))
  }

  /** `neighbor` takes over what lies past it, if it knows every entry that this node knows there (its `extent`). */
  relieveBy(neighbor: Address, extent: bigint): boolean {
    const between = this.distanceTo(neighbor)
    if (this.#extent - between > extent) return false
    if (this.#extent > between) this.#retain(neighbor)
    this.#extent = minOf(this.#extent, between)
    this.#bounded = true
    return true
  }

  stop(): void {
    this.epoch++
    this.#retained?.cancel()
  }

  #retain(neighbor: Address): void {
    this.#kept = maxOf(this.#kept, this.#extent)
    this.#retained?.cancel()
    this.#retained = this.#clock.after(RETAIN_MS, () => {
      this.#kept = 0n
      this.#extent = minOf(this.#extent, this.distanceTo(neighbor))
    })
  }
}

export function minOf(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}

export function maxOf(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
