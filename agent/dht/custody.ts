/**
 * Which sub-keys this node answers for, and when it may.
 *
 * The arc between two neighbours is a segment; both are its replicas (paper section 4: the nodes immediately left and
 * right of a key). A side is `open` when its neighbour has handed over what it holds of the segment and one of the two
 * (or both together) knows every accepted entry in it. A node answers only for open segments, and only together with
 * the neighbour that it sees there. The neighbour does the same, so a change counts only where both views agree.
 * `Arc` knows how far each side reaches; this file is the protocol between neighbours.
 */

import { type Clock, sleep } from '../core/clock.ts'
import { DecodeError, decode, encode } from '../core/codec.ts'
import type { Random } from '../core/random.ts'
import { type Address, rightward, toAddress } from '../overlay/address.ts'
import { opposite, type Side } from '../overlay/neighborhood.ts'
import { DeliveryError, type Overlay, Refusal, SERVICES } from '../overlay/overlay.ts'
import { Arc, CIRCLE, maxOf, minOf } from './arc.ts'
import { ConflictNotifier } from './conflict-notifier.ts'
import { ORPHAN_GRACE_MS, PAGE_ENTRIES, PULL_RETRY_MS, REPLICA_REQUEST, SILENT_NEIGHBOR_MS } from './constants.ts'
import type { SubKey } from './dht.ts'
import type { EntryStore } from './entry-store.ts'
import {
  dhtRequestCodec,
  type MovingEntry,
  type PullRequest,
  pageCodec,
  type RelieveRequest,
  relievedCodec,
  type Verdict,
} from './messages.ts'
import { prove } from './proof.ts'
import { subKeyOf } from './sub-keys.ts'

/** What the DHT needs of the ring beyond `Overlay`. */
export interface RingView extends Overlay {
  readonly alone: boolean
  neighbor(side: Side): Address | undefined
  /** One of the nearest linked nodes on either side. */
  isNear(peer: Address): boolean
  /** Takes a node for no neighbour for a while, because it does not do its share. */
  shun(peer: Address): void
}

/** `partner` undefined: this node is the whole ring. */
export interface Custodian {
  readonly side: Side
  readonly partner: Address | undefined
}

export class Custody {
  readonly #ring: RingView
  readonly #store: EntryStore
  readonly #clock: Clock
  readonly #random: Random
  readonly #opened: () => void
  readonly #sides: Readonly<Record<Side, Arc>>
  #everLinked = false
  #stopped = false
  readonly #conflicts: ConflictNotifier

  constructor(parts: { ring: RingView; store: EntryStore; clock: Clock; random: Random; opened: () => void }) {
    this.#ring = parts.ring
    this.#store = parts.store
    this.#clock = parts.clock
    this.#random = parts.random
    this.#opened = parts.opened
    const { self } = parts.ring
    this.#sides = { left: new Arc(self, 'left', parts.clock), right: new Arc(self, 'right', parts.clock) }
    this.#conflicts = new ConflictNotifier(parts)
  }

  /** Both segments are open: this node serves its share. */
  get open(): boolean {
    return this.#ring.alone || (this.#sides.left.open && this.#sides.right.open)
  }

  /** This node's role for `key` and its partner; undefined when this node does not answer for `key`, or not now. */
  custodianOf(key: SubKey): Custodian | undefined {
    if (this.#ring.alone) return { side: 'right', partner: undefined }
    const { left, right } = this.#sides
    const { self } = this.#ring
    if (right.neighbor !== undefined && inArc(self, key, right.neighbor)) {
      return right.open ? { side: 'right', partner: right.neighbor } : undefined
    }
    if (left.neighbor !== undefined && inArc(left.neighbor, key, self)) {
      return left.open ? { side: 'left', partner: left.neighbor } : undefined
    }
    return undefined
  }

  /** Whether an entry is worth keeping: this node answers for it, or did until lately. */
  keeps(key: SubKey): boolean {
    const { self, alone } = this.#ring
    return alone || rightward(self, key) < this.#sides.right.reach || rightward(key, self) <= this.#sides.left.reach
  }

  /** The ring changed around this node. */
  onNeighborsChange(): void {
    if (this.#ring.alone) {
      for (const arc of [this.#sides.left, this.#sides.right]) {
        if (!this.#everLinked) arc.knowAll()
        arc.turn(undefined)
      }
      this.#opened()
      return
    }
    for (const side of ['left', 'right'] satisfies Side[]) {
      const neighbor = this.#ring.neighbor(side)
      if (neighbor !== undefined) this.#everLinked = true
      if (neighbor !== this.#sides[side].neighbor) this.#turn(side, neighbor)
    }
  }

  /** This node was away: it answers for nothing until its neighbours have handed over what it missed. */
  doubt(): void {
    this.#store.doubt()
    if (this.#ring.alone) return
    for (const side of ['left', 'right'] satisfies Side[]) {
      this.#sides[side].doubt()
      this.#turn(side, this.#ring.neighbor(side))
    }
  }

  /** Hands a page over to a neighbour. @throws Refusal when the asker is not the neighbour that this node sees. */
  handOver(asker: Address, { side, beyond, cursor }: PullRequest): Uint8Array {
    const { self } = this.#ring
    if (this.#ring.neighbor(side) !== asker) throw new Refusal('you are not my neighbour')
    const arc = this.#sides[side]
    const { extent } = arc
    // Where both replicas died, entries that this node does not vouch for are better than none.
    const reach = maxOf(arc.distanceTo(asker), arc.reach)
    const edge = !beyond ? asker : toAddress(side === 'left' ? self - reach : self + reach)
    const [from, to] = side === 'left' ? [edge, self] : [self, edge]
    const { entries, last } = this.#store.page(from, to, cursor, PAGE_ENTRIES)
    return encode(pageCodec, { whole: extent >= CIRCLE, extent: toAddress(extent), entries, last })
  }

  /**
   * A neighbour knows all that this node knows past it, and is about to answer for it: this node no longer vouches for
   * it. False when the neighbour knows less.
   *
   * @throws Refusal when the asker is not this node's neighbour on that side.
   */
  relieve(asker: Address, { side, extent }: RelieveRequest): boolean {
    const arc = this.#sides[side]
    if (arc.neighbor !== asker) throw new Refusal('you are not my neighbour')
    return arc.relieveBy(asker, extent)
  }

  /** Merges another node's entry, and tells the owner whose entry gave way. `trusted`: see `EntryStore.merge`. */
  takeIn({ place, change, ...offered }: MovingEntry, broughtBy: Address, trusted: boolean): Verdict {
    const proven = prove(place, change)
    if (proven === undefined) return 'forged'
    const wasThere = this.#store.get(proven.subKey) !== undefined
    const { kept, rival } = this.#store.merge({ ...offered, proven }, broughtBy, trusted)
    if (rival !== undefined) void this.#conflicts.tell(rival, broughtBy)
    // Perhaps a replay. An owner that still has the entry renews it, and answers the challenge.
    if (!wasThere && this.#store.isCut(proven.subKey)) void this.#conflicts.tell(proven, broughtBy)
    if (kept) return 'ok'
    if (rival !== undefined) return 'taken'
    return this.#store.snapshot(proven.subKey) === undefined ? 'full' : 'stale'
  }

  stop(): void {
    this.#stopped = true
    this.#conflicts.stop()
    this.#sides.left.stop()
    this.#sides.right.stop()
  }

  #turn(side: Side, neighbor: Address | undefined): void {
    const arc = this.#sides[side]
    arc.turn(neighbor)
    if (neighbor !== undefined) void this.#takeOver(side, neighbor, arc.epoch)
  }

  async #takeOver(side: Side, neighbor: Address, epoch: number): Promise<void> {
    const arc = this.#sides[side]
    const current = () => arc.epoch === epoch && !this.#stopped
    const since = this.#clock.now()
    arc.heardAt = since
    while (current()) {
      const complete = await this.#pull(side, false, current)
      if (complete && current() && !arc.covers) await this.#pull(opposite(side), true, current)
      if (!current()) return
      const orphaned = this.#clock.now() - since > ORPHAN_GRACE_MS
      if (complete && (arc.covers || orphaned) && (await this.#relieves(opposite(side), current))) {
        arc.openTo(neighbor)
        this.#opened()
        break
      }
      if (current() && this.#clock.now() - arc.heardAt > SILENT_NEIGHBOR_MS) return this.#ring.shun(neighbor)
      await this.#pause()
    }
    // If the other side was open already, this neighbour was not asked when that side opened.
    while (current() && this.#sides[opposite(side)].open && !(await this.#relieves(side, current))) await this.#pause()
  }

  #pause(): Promise<void> {
    return sleep(this.#clock, PULL_RETRY_MS * (0.75 + 0.5 * this.#random.float()))
  }

  /**
   * Asks the neighbour on `side` to vouch no longer for what lies past this node. When the neighbour knows more of
   * that, this node fetches it and returns false, to ask again.
   */
  async #relieves(side: Side, current: () => boolean): Promise<boolean> {
    const arc = this.#sides[side]
    const { neighbor, epoch } = arc
    if (arc.relieved) return true
    if (neighbor === undefined) return false
    const past = this.#sides[opposite(side)]
    // Past a neighbour that has relieved this node, that neighbour knows the entries.
    const extent = toAddress(past.bounded ? CIRCLE - 1n : minOf(past.extent, CIRCLE - 1n))
    const body = encode(dhtRequestCodec, { kind: 'relieve', side: opposite(side), extent })
    try {
      const answer = await this.#ring.request(SERVICES.dht, neighbor, body, REPLICA_REQUEST)
      if (!current() || arc.epoch !== epoch) return false
      arc.relieved = decode(relievedCodec, answer.body)
    } catch (error) {
      if (!(error instanceof DeliveryError || error instanceof DecodeError)) throw error
      return false
    }
    if (!arc.relieved) await this.#pull(side, true, current)
    return arc.relieved
  }

  /**
   * Fetches what the neighbour holds between the two. `beyond`: also what it knows on the far side of this node, where
   * several nodes may have come in at once and none of them knows any entry yet.
   */
  async #pull(side: Side, beyond: boolean, current: () => boolean): Promise<boolean> {
    const { neighbor } = this.#sides[side]
    if (neighbor === undefined) return false
    let cursor: SubKey | undefined
    for (;;) {
      const body = encode(dhtRequestCodec, { kind: 'pull', side: opposite(side), beyond, cursor })
      try {
        const answer = await this.#ring.request(SERVICES.dht, neighbor, body, REPLICA_REQUEST)
        if (!current()) return false
        this.#sides[side].heardAt = this.#clock.now()
        const { whole, extent, entries, last } = decode(pageCodec, answer.body)
        const theirs = whole ? CIRCLE : extent
        const limit = beyond ? CIRCLE : this.#sides[side].distanceTo(neighbor)
        for (const entry of entries) {
          cursor = subKeyOf(entry.change.statement.key, entry.place)
          // With `beyond` a neighbour hands over all it has; without, it is believed only for the arc between the two.
          if (isWithin(side, neighbor, cursor, limit)) this.takeIn(entry, neighbor, true)
        }
        if (!last && entries.length > 0) continue
        this.#learn(side, neighbor, beyond, theirs)
        return true
      } catch (error) {
        if (!(error instanceof DeliveryError || error instanceof DecodeError)) throw error
        // A neighbour that refuses is alive; it does not see this node beside it yet.
        const isHeard = error instanceof DeliveryError && error.failure === 'refused'
        if (isHeard) this.#sides[side].heardAt = this.#clock.now()
        return false
      }
    }
  }

  /** The neighbour handed over all it holds; it knows every entry up to `theirs` toward us. */
  #learn(side: Side, neighbor: Address, beyond: boolean, theirs: bigint): void {
    const arc = this.#sides[side]
    arc.learn(neighbor, theirs)
    if (beyond) this.#sides[opposite(side)].learnPast(theirs - arc.distanceTo(neighbor))
  }
}

/** [from, to), walking right. */
function inArc(from: Address, key: SubKey, to: Address): boolean {
  return rightward(from, key) < rightward(from, to)
}

/** Whether `key` is within `limit` of the neighbour on `side`, going from the neighbour toward this node. */
function isWithin(side: Side, neighbor: Address, key: SubKey, limit: bigint): boolean {
  if (side === 'left') return rightward(neighbor, key) < limit
  const away = rightward(key, neighbor)
  return away <= limit && away > 0n
}
