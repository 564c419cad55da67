/**
 * Who gave whom up. A node that was paused with every clock of its machine cannot tell by itself that it was away; those that
 * gave it up meanwhile can, and say so with the next status that they send it (`gaveUp` in messages.ts).
 *
 * A peer's word counts only when it fits what this node saw: that peer's link was closed by the other side, later than the
 * peer says to have given this node up, and this node did not give it up as well (as both sides of a partition do). It counts
 * once for each link that was closed so, and not more often than once in `HEED_SPACING_MS`: a liar costs this node a question
 * to its neighbours now and then, and nothing else.
 */

import type { Clock } from '../core/clock.ts'
import { Throttle } from '../core/throttle.ts'
import { ABSENT_AFTER_MS } from '../core/vigil.ts'
import type { Address } from './address.ts'

/** Peers remembered on each side. */
const KEPT = 256
/** Between two words that are heeded, ms. */
const HEED_SPACING_MS = 10_000

export class GivenUp {
  readonly #clock: Clock
  readonly #heeds: Throttle
  /** Peers that were silent for too long, and since when this node counts them as dead. */
  readonly #silent = new Map<Address, number>()
  /** Peers whose link the other side closed, and when. */
  readonly #closed = new Map<Address, number>()

  constructor(clock: Clock) {
    this.#clock = clock
    this.#heeds = new Throttle(clock, HEED_SPACING_MS)
  }

  /** A peer counts as dead, because it was silent. */
  giveUp(peer: Address): void {
    note(this.#silent, peer, this.#clock.now())
    this.#closed.delete(peer)
  }

  /** How long ago this node gave the peer up, ms; 0 when it did not, or the peer knows. */
  gaveUpMs(peer: Address): number {
    const since = this.#silent.get(peer)
    return since === undefined ? 0 : Math.max(1, Math.floor(this.#clock.now() - since))
  }

  /** The peer has heard that it was given up. */
  onKnown(peer: Address): void {
    this.#silent.delete(peer)
  }

  /** The link to a peer went down that had not been given up. */
  onClosed(peer: Address): void {
    if (!this.#silent.has(peer)) note(this.#closed, peer, this.#clock.now())
  }

  /** The peer says to have given this node up so long ago: how long this node was away, ms; 0 when that does not fit. */
  absenceBy(peer: Address, agoMs: number): number {
    const closedAt = this.#closed.get(peer)
    if (closedAt === undefined || this.#silent.has(peer)) return 0
    this.#closed.delete(peer)
    const awayMs = agoMs - (this.#clock.now() - closedAt)
    return awayMs > ABSENT_AFTER_MS && this.#heeds.admits() ? awayMs : 0
  }
}

/** The latest comes last; the first one goes when there are too many. */
function note(times: Map<Address, number>, peer: Address, now: number): void {
  times.delete(peer)
  times.set(peer, now)
  if (times.size > KEPT) times.delete(times.keys().next().value!)
}
