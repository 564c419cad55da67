/**
 * Two nodes with one identity: a disk that was copied to a machine which cannot be told from the first one.
 *
 * Neither can see the other, since nobody links to itself; whoever is linked to both can. A status of another run of a
 * peer comes over a new link; if the old link still answers a ping after that, both runs are alive, and the one that
 * came later is told. It heeds that only while it is new on the ring: the original keeps its address, and nobody can
 * talk a node out of its identity later on.
 */

import type { Clock } from '../core/clock.ts'
import type { Address } from './address.ts'
import type { Link } from './link.ts'
import type { Frame } from './messages.ts'

/** A node that has been linked for longer takes no word about a twin, ms. */
const NEW_FOR_MS = 5 * 60_000

export interface DuplicateIdentityParts {
  readonly clock: Clock
  /** Sends over this very link, whichever link to the peer is in use. */
  readonly send: (link: Link, frame: Frame) => void
  /** This node is the later one of two. */
  readonly onTwin: () => void
}

export class DuplicateIdentity {
  readonly #parts: DuplicateIdentityParts
  /** Links by peer, in the order in which they came, each with the run that it belongs to. */
  readonly #links = new Map<Address, Map<Link, number | undefined>>()
  /** Pinged links, and the later one whose run each would prove to be a twin's. */
  readonly #asked = new Map<Link, Link>()
  #linkedSince: number | undefined

  constructor(parts: DuplicateIdentityParts) {
    this.#parts = parts
  }

  onLink(link: Link): void {
    this.#linkedSince ??= this.#parts.clock.now()
    const links = this.#links.get(link.peer) ?? new Map<Link, number | undefined>()
    this.#links.set(link.peer, links.set(link, undefined))
  }

  onClose(link: Link): void {
    this.#asked.delete(link)
    const links = this.#links.get(link.peer)
    links?.delete(link)
    if (links?.size === 0) this.#links.delete(link.peer)
  }

  /** `epoch`: of the peer's run, by its status. */
  onStatus(link: Link, epoch: number): void {
    const links = this.#links.get(link.peer)
    if (links === undefined || links.get(link) === epoch) return
    links.set(link, epoch)
    for (const [other, otherEpoch] of links) {
      // A map keeps its order: those before this link are older.
      if (other === link) return
      if (otherEpoch === undefined || otherEpoch === epoch) continue
      this.#asked.set(other, link)
      this.#parts.send(other, { kind: 'ping' })
    }
  }

  onPong(link: Link): void {
    const later = this.#asked.get(link)
    if (later === undefined) return
    this.#asked.delete(link)
    this.#parts.send(later, { kind: 'twin' })
  }

  /** A peer says that this node is the later one of two. */
  onTold(): void {
    if (this.#linkedSince === undefined || this.#parts.clock.now() - this.#linkedSince > NEW_FOR_MS) return
    this.#parts.onTwin()
  }
}
