/**
 * Takes links in: whoever opened them, a link becomes the peer's one link, or is closed.
 *
 * Of two links to a peer the superfluous one stays open for a moment, so that frames on their way still arrive.
 */

import type { Clock } from '../core/clock.ts'
import type { Address } from './address.ts'
import type { Admission } from './admission.ts'
import { LINGER_MS } from './constants.ts'
import type { Dispatch } from './dispatch.ts'
import type { DuplicateIdentity } from './duplicate-identity.ts'
import type { Link } from './link.ts'
import type { Peer, Peers } from './peers.ts'

export interface AdoptionParts {
  readonly self: Address
  readonly clock: Clock
  readonly peers: Peers
  readonly admission: Admission
  readonly duplicates: DuplicateIdentity
  readonly dispatch: Dispatch
  /** A link is in use. `isFirst`: the peer had none. */
  readonly linked: (peer: Peer, isFirst: boolean) => void
  readonly closed: (link: Link) => void
}

export class Adoption {
  readonly #parts: AdoptionParts

  constructor(parts: AdoptionParts) {
    this.#parts = parts
  }

  /** The peer, if it is linked now. A repeated dial may bring the link that stands. */
  adopt(link: Link): Peer | undefined {
    const { self, clock, peers, admission, duplicates, dispatch, linked, closed } = this.#parts
    if (link.peer === self || !admission.admits(link)) {
      link.close()
      return undefined
    }
    const known = peers.get(link.peer)
    const before = known?.link
    if (before === link) return known
    const peer = peers.add(link)
    const superfluous = peer === undefined ? link : before
    if (superfluous !== undefined) clock.after(LINGER_MS, () => superfluous.close())
    duplicates.onLink(link)
    link.onFrame = (frame) => dispatch.onFrame(link, frame)
    link.onClose = () => {
      duplicates.onClose(link)
      closed(link)
    }
    if (peer === undefined) return known
    linked(peer, before === undefined)
    return peer
  }
}
