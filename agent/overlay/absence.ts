/**
 * What a node does when it finds that it was away. It forgets what its peers said of the ring: it is neither correctly
 * connected nor routed through until they have said it again. A peer that does not answer is dead.
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
  /** Checks whether the ring is closed around this node. */
  readonly review: () => void
}

export class Absence {
  readonly #parts: AbsenceParts

  constructor(parts: AbsenceParts) {
    this.#parts = parts
    parts.vigil.onAbsence(() => this.#returned())
  }

  /** A peer says that it took this node for dead `agoMs` ago. */
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
      // This says that no status was heard, so the peer sends it again.
      send(peer.address, { kind: 'pong', seen: 0 })
    }
    near.evaluate()
    review()
  }
}
