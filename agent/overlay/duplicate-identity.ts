/**
 * Detects two nodes with one identity: a disk was copied to a machine that cannot be told from the first one.
 *
 * Neither node sees the other, since no node links to itself. A node that is linked to both is their witness. When a status
 * of another run of a peer comes over a new link and the old link still answers a ping, both runs are alive, and the witness
 * tells the later one (`twin`). The later run believes only a proof: it draws a nonce, the witness passes the nonce to the
 * earlier run, and the answer must be signed with the same key by another run. A run asks for that only while it is new on
 * the ring, so the original keeps its address.
 *
 * Guarantees that nobody without a node's key makes it give up its identity.
 */

import { equal, hex } from '../core/bytes.ts'
import type { Clock } from '../core/clock.ts'
import { setLatest } from '../core/latest.ts'
import type { Random } from '../core/random.ts'
import { Throttle } from '../core/throttle.ts'
import type { Address } from './address.ts'
import type { Link } from './link.ts'
import { type Frame, TWIN_NONCE_BYTES } from './messages.ts'

/** A node linked for longer than this, ms, ignores reports of a twin. */
const NEW_FOR_MS = 5 * 60_000
/** Entries in each list of nonces, drawn and passed on; the oldest goes first. */
const KEPT = 16
/** Least time between two proofs that this node makes, ms: each costs a signature. */
const PROOF_SPACING_MS = 200

export interface DuplicateIdentityParts {
  readonly clock: Clock
  readonly random: Random
  /** Sends over `link` itself, even when another link to the peer is in use. */
  readonly send: (link: Link, frame: Frame) => void
  /** See `LinkLayer`. */
  readonly prove: (nonce: Uint8Array) => Uint8Array
  readonly isOwnProof: (nonce: Uint8Array, proof: Uint8Array) => boolean
  /** This node is the later of two. */
  readonly onTwin: () => void
}

export class DuplicateIdentity {
  readonly #parts: DuplicateIdentityParts
  readonly #proofs: Throttle
  /** Each peer's links in the order in which they came up, with the run each belongs to. */
  readonly #links = new Map<Address, Map<Link, number | undefined>>()
  /** Pinged links; a pong proves that the later link is a twin's. */
  readonly #asked = new Map<Link, Link>()
  /** Nonces that this node drew, by their hex form. */
  readonly #drawn = new Map<string, Uint8Array>()
  /** Nonces passed on for a peer, by their hex form, with that peer's link. */
  readonly #passedOn = new Map<string, Link>()
  #linkedSince: number | undefined

  constructor(parts: DuplicateIdentityParts) {
    this.#parts = parts
    this.#proofs = new Throttle(parts.clock, PROOF_SPACING_MS)
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

  /** `epoch` names the peer's run; it comes from the peer's status. */
  onStatus(link: Link, epoch: number): void {
    const links = this.#links.get(link.peer)
    if (links === undefined || links.get(link) === epoch) return
    links.set(link, epoch)
    for (const other of this.#earlierRuns(link)) {
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

  /** A witness says that this node is the later of two: this node asks it for a proof. */
  onTold(link: Link): void {
    if (!this.#isNew()) return
    const nonce = this.#parts.random.bytes(TWIN_NONCE_BYTES)
    setLatest(this.#drawn, hex(nonce), nonce, KEPT)
    this.#parts.send(link, { kind: 'twinChallenge', nonce })
  }

  /** The later run asks its witness, this node, for a proof by the earlier run. */
  onChallenge(link: Link, nonce: Uint8Array): void {
    const [earlier] = this.#earlierRuns(link)
    if (earlier === undefined) return
    setLatest(this.#passedOn, hex(nonce), link, KEPT)
    this.#parts.send(earlier, { kind: 'twinProve', nonce })
  }

  /** A witness asks for a proof. A nonce that this node drew itself is ignored: signing it would prove nothing. */
  onProve(link: Link, nonce: Uint8Array): void {
    if (this.#drawn.has(hex(nonce)) || !this.#proofs.admits()) return
    this.#parts.send(link, { kind: 'twinProof', nonce, proof: this.#parts.prove(nonce) })
  }

  /** The earlier run answered. A witness passes the proof on; the later run verifies it. */
  onProof(nonce: Uint8Array, proof: Uint8Array): void {
    const name = hex(nonce)
    const asker = this.#passedOn.get(name)
    this.#passedOn.delete(name)
    if (asker !== undefined) this.#parts.send(asker, { kind: 'twinProof', nonce, proof })
    const drawn = this.#drawn.get(name)
    if (drawn === undefined || !this.#isNew()) return
    if (equal(drawn, nonce) && this.#parts.isOwnProof(nonce, proof)) this.#parts.onTwin()
  }

  #isNew(): boolean {
    return this.#linkedSince !== undefined && this.#parts.clock.now() - this.#linkedSince <= NEW_FOR_MS
  }

  /** Links of the same peer that came up before this one and belong to another run. */
  #earlierRuns(link: Link): Link[] {
    const links = this.#links.get(link.peer)
    const epoch = links?.get(link)
    if (links === undefined || epoch === undefined) return []
    const all = [...links]
    // A map keeps insertion order: the links before this one are older.
    const earlier = all.slice(
      0,
      Math.max(
        0,
        all.findIndex(([one]) => one === link),
      ),
    )
    return earlier.filter(([, otherEpoch]) => otherEpoch !== undefined && otherEpoch !== epoch).map(([other]) => other)
  }
}
