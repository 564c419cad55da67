/**
 * Remembers which peers this node took for dead, and which links peers closed. A machine that was paused together with all
 * its clocks cannot tell that it was away. Peers that gave it up can: they say so with the next status (`gaveUp` in
 * messages.ts).
 *
 * A peer's word counts only when it fits what this node saw. The other side closed the link to that peer; the peer gave this
 * node up earlier than that; and this node did not give the peer up, as both sides of a partition do. It counts once for each
 * closed link, and at most once in `HEED_SPACING_MS`, so a liar only makes this node ask its neighbours again.
 */

import type { Clock } from '../core/clock.ts'
import { Throttle } from '../core/throttle.ts'
import { ABSENT_AFTER_MS } from '../core/vigil.ts'
import type { Address } from './address.ts'

/** Entries in each of the two lists. */
const KEPT = 256
/** Least time between two reports that count, ms. */
const HEED_SPACING_MS = 10_000

export class GivenUp {
  readonly #clock: Clock
  readonly #reports: Throttle
  /** When this node took each silent peer for dead. */
  readonly #silent = new Map<Address, number>()
  /** When the other side closed each peer's link. */
  readonly #closed = new Map<Address, number>()

  constructor(clock: Clock) {
    this.#clock = clock
    this.#reports = new Throttle(clock, HEED_SPACING_MS)
  }

  /** A peer was silent for too long and counts as dead. */
  giveUp(peer: Address): void {
    note(this.#silent, peer, this.#clock.now())
    this.#closed.delete(peer)
  }

  /** How long ago this node gave the peer up, ms; 0 when it did not, or when the peer knows. */
  gaveUpMs(peer: Address): number {
    const since = this.#silent.get(peer)
    return since === undefined ? 0 : Math.max(1, Math.floor(this.#clock.now() - since))
  }

  /** The peer knows that it was given up. */
  onKnown(peer: Address): void {
    this.#silent.delete(peer)
  }

  /** The link to a peer closed. */
  onClosed(peer: Address): void {
    if (!this.#silent.has(peer)) note(this.#closed, peer, this.#clock.now())
  }

  /** Whether a peer's word on an absence counts now; if so, the next ones do not for a while. */
  heeds(): boolean {
    return this.#reports.admits()
  }

  /** How long this node was away, ms, if the peer gave it up `agoMs` ago; 0 when that does not fit. */
  absenceBy(peer: Address, agoMs: number): number {
    const closedAt = this.#closed.get(peer)
    if (closedAt === undefined || this.#silent.has(peer)) return 0
    this.#closed.delete(peer)
    const awayMs = agoMs - (this.#clock.now() - closedAt)
    return awayMs > ABSENT_AFTER_MS && this.heeds() ? awayMs : 0
  }
}

/** Adds an entry at the end; drops the first when there are too many. */
function note(times: Map<Address, number>, peer: Address, now: number): void {
  times.delete(peer)
  times.set(peer, now)
  if (times.size > KEPT) times.delete(times.keys().next().value!)
}
