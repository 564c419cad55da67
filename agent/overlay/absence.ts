/**
 * What a node does when it finds that it was away. It forgets what its peers said of the ring: it is neither correctly
 * connected nor routed through until they have said it again. A peer that does not answer is dead. A peer whose link was
 * kept all the while must have been away too, or it would have given this node up: it is told.
 */

import type { Clock } from '../core/clock.ts'
import type { Vigil } from '../core/vigil.ts'
import type { Address } from './address.ts'
import type { Connectivity } from './connectivity.ts'
import type { GivenUp } from './given-up.ts'
import type { Liveness } from './liveness.ts'
import type { Frame } from './messages.ts'
import type { NearLinks } from './near-links.ts'
import type { Peers } from './peers.ts'

/** A running node takes any silent peer for dead within this time, ms. */
const LINK_SURELY_DEAD_MS = 60_000
const MAX_U32 = 2 ** 32 - 1

export interface AbsenceParts {
  readonly clock: Clock
  readonly vigil: Vigil
  readonly givenUp: GivenUp
  readonly peers: Peers
  readonly near: NearLinks
  readonly liveness: Liveness
  readonly connectivity: Connectivity
  readonly send: (to: Address, frame: Frame) => boolean
  /** Checks whether the ring is closed around this node. */
  readonly review: () => void
}

export class Absence {
  readonly #parts: AbsenceParts
  /** The absence being handled is known by one peer's word on its own: it is not passed on. */
  #isHearsay = false

  constructor(parts: AbsenceParts) {
    this.#parts = parts
    parts.vigil.onAbsence((gapMs) => this.#returned(gapMs))
  }

  /** A peer says that it took this node for dead `agoMs` ago. */
  onGivenUp(peer: Address, agoMs: number): void {
    const awayMs = this.#parts.givenUp.absenceBy(peer, agoMs)
    if (awayMs > 0) this.#parts.vigil.report(awayMs)
  }

  /** A peer says that it was away for `forMs`, and its link to this node still stands. */
  onAway(peer: Address, forMs: number): void {
    const { givenUp, peers, clock, vigil } = this.#parts
    const linkedAt = peers.get(peer)?.linkedAt
    // A link that came up since proves nothing.
    const isOld = linkedAt !== undefined && clock.now() - linkedAt > LINK_SURELY_DEAD_MS
    if (!isOld || forMs <= LINK_SURELY_DEAD_MS || !givenUp.heeds()) return
    this.#isHearsay = true
    vigil.report(forMs)
    this.#isHearsay = false
  }

  #returned(gapMs: number): void {
    const { givenUp, peers, near, liveness, connectivity, send, review } = this.#parts
    const isHearsay = this.#isHearsay
    givenUp.onReturned()
    connectivity.doubt()
    const forMs = Math.min(Math.floor(gapMs), MAX_U32)
    for (const peer of peers.all()) {
      peer.status = undefined
      liveness.suspect(peer.address)
      if (!isHearsay) send(peer.address, { kind: 'away', forMs })
      // This says that no status was heard, so the peer sends it again.
      send(peer.address, { kind: 'pong', seen: 0 })
    }
    near.evaluate()
    review()
  }
}
