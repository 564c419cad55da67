/**
 * Remembers which peers this node took for dead, and which links peers closed. A machine that was paused together with all
 * its clocks cannot tell that it was away. Peers that gave it up can: they say so with the next status (`gaveUp` in
 * messages.ts).
 *
 * A peer's word counts only when it fits what this node saw. The other side closed the link to that peer; the peer gave this
 * node up earlier than that; this node did not give the peer up, as both sides of a partition do; and the absence is not
 * one that this node has found out before. It counts once for each closed link, and at most once in `HEED_SPACING_MS`, so a
 * liar only makes this node ask its neighbours again.
 */

import type { Clock } from '../core/clock.ts'
import { setLatest } from '../core/latest.ts'
import { Throttle } from '../core/throttle.ts'
import { ABSENT_AFTER_MS } from '../core/vigil.ts'
import type { Address } from './address.ts'

/** Entries in each of the two lists. */
const KEPT = 256
/** Least time between two reports that count, ms. */
const HEED_SPACING_MS = 10_000
/** Two clocks that run true to 1 % (docs/guarantees.md, A1) differ by this part of the time since. */
const CLOCKS_APART = 0.02

export class GivenUp {
  readonly #clock: Clock
  readonly #reports: Throttle
  /** When this node took each silent peer for dead, and whether the two were linked again since. */
  readonly #silent = new Map<Address, { readonly at: number; relinked: boolean }>()
  /** When the other side closed each peer's link. */
  readonly #closed = new Map<Address, number>()
  /** When this node last found that it had been away. */
  #returnedAt = Number.NEGATIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
    this.#reports = new Throttle(clock, HEED_SPACING_MS)
  }

  /** A peer was silent for too long and counts as dead. */
  giveUp(peer: Address): void {
    setLatest(this.#silent, peer, { at: this.#clock.now(), relinked: false }, KEPT)
    this.#closed.delete(peer)
  }

  /** A link to the peer came up, on which it is told. */
  onLinked(peer: Address): void {
    const silent = this.#silent.get(peer)
    if (silent !== undefined) silent.relinked = true
  }

  /** How long ago this node gave the peer up, ms; 0 when it did not, or when the peer knows. */
  gaveUpMs(peer: Address): number {
    const silent = this.#silent.get(peer)
    return silent === undefined ? 0 : Math.max(1, Math.floor(this.#clock.now() - silent.at))
  }

  /** The peer knows that it was given up. */
  onKnown(peer: Address): void {
    this.#silent.delete(peer)
  }

  /** The link to a peer closed. What this node said on it is said: on a later link it would be about another absence. */
  onClosed(peer: Address): void {
    if (this.#silent.get(peer)?.relinked === false) return
    this.#silent.delete(peer)
    setLatest(this.#closed, peer, this.#clock.now(), KEPT)
  }

  /** This node found that it was away, and asks everybody: whoever gave it up before now says nothing new. */
  onReturned(): void {
    this.#returnedAt = this.#clock.now()
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
    const now = this.#clock.now()
    const doubtMs = CLOCKS_APART * agoMs
    if (now - agoMs <= this.#returnedAt + doubtMs) return 0
    const awayMs = agoMs - (now - closedAt)
    return awayMs > ABSENT_AFTER_MS + doubtMs && this.heeds() ? awayMs : 0
  }
}
