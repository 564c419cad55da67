/**
 * What a node of the ring does when it finds out that it was away: nothing that its peers said of the ring counts any more,
 * so it is neither correctly connected nor routed through until they have said it again; a peer that does not is dead.
 */

import type { Vigil } from '../core/vigil.ts'
import type { Address } from './address.ts'
import type { Connectivity } from './connectivity.ts'
import type { GivenUp } from './given-up.ts'
import type { Liveness } from './liveness.ts'
import type { Frame } from './messages.ts'
import type { NearLinks } from './near-links.ts'
import type { Peers } from './peers.ts'

export interface AbsenceParts {
  readonly vigil: Vigil
  readonly givenUp: GivenUp
  readonly peers: Peers
  readonly near: NearLinks
  readonly liveness: Liveness
  readonly connectivity: Connectivity
  readonly send: (to: Address, frame: Frame) => boolean
  /** Asks whether the ring is closed around this node. */
  readonly review: () => void
}

export class Absence {
  readonly #parts: AbsenceParts

  constructor(parts: AbsenceParts) {
    this.#parts = parts
    parts.vigil.onAbsence(() => this.#returned())
  }

  /** A peer says to have taken this node for dead so long ago, ms. */
  onGivenUp(peer: Address, agoMs: number): void {
    const awayMs = this.#parts.givenUp.absenceBy(peer, agoMs)
    if (awayMs > 0) this.#parts.vigil.report(awayMs)
  }

  #returned(): void {
    const { peers, near, liveness, connectivity, send, review } = this.#parts
    connectivity.doubt()
    for (const peer of peers.all()) {
      peer.status = undefined
      liveness.suspect(peer.address)
      // Nothing was heard: whoever gets this tells its status again.
      send(peer.address, { kind: 'pong', seen: 0 })
    }
    near.evaluate()
    review()
  }
}
