/**
 * The nodes this one is linked to, one link each.
 *
 * Guarantees that at most one link per peer is used, and that both ends keep the same one of two: the direct one rather
 * than a relayed one, then the one over UDP, then the one that the lower address dialled, then the newer. A link that fell silent gives way to
 * any new one: the peer may have lost power and come back.
 */

import type { Clock } from '../core/clock.ts'
import { setLatest } from '../core/latest.ts'
import { RoundTrip } from '../core/round-trip.ts'
import type { Address } from './address.ts'
import { FIRST_ROUND_TRIP_MS, MAX_ANSWER_MS, MAX_PATIENCE_MS, MAX_SHUNNED, SHUN_MS } from './constants.ts'
import type { Contact, Link } from './link.ts'
import type { Status } from './messages.ts'

/** A link heard from within this time, ms, is not silent: longer than two nodes that dial each other at once need. */
const FRESH_MS = 1_500

/** Why this side wants a link. Near is not a role: it follows from the addresses. */
export type Role = 'bootstrap' | 'far' | 'on-demand'

export interface Peer {
  readonly address: Address
  link: Link
  /** Since when the link in use has been up. */
  linkedAt: number
  endpoints: readonly string[]
  status: Status | undefined
  readonly roles: Set<Role>
  /** When the last frame came in, and when the last datagram came in or went out. */
  heardAt: number
  usedAt: number
  pingedAt: number
  /** Measured from ping to pong. */
  readonly roundTrip: RoundTrip
  measuredAt: number | undefined
  /** Measured from request to answer. On a busy link no ping is sent, and a first answer may need longer than was thought. */
  readonly answers: RoundTrip
  /** When it was first pinged since it was last heard. */
  askedAt: number | undefined
  /** Since when an answer is missing on this link and nothing was heard: the peer is pinged, requests go round it. */
  suspectSince: number | undefined
  /** Since when neither side has wanted the link. */
  unwantedSince: number | undefined
}

/** A pong came. It is measured only when one ping is in flight; else it may answer any of them. */
export function measure(peer: Peer, now: number): void {
  if (peer.askedAt !== peer.pingedAt) return
  peer.roundTrip.observe(now - peer.pingedAt)
  peer.measuredAt = now
}

/** Something came over the link: whatever was asked of the peer is answered. */
export function hear(peer: Peer, now: number): void {
  peer.heardAt = now
  peer.askedAt = undefined
  peer.suspectSince = undefined
}

export class Peers {
  readonly #peers = new Map<Address, Peer>()
  readonly #self: Address
  readonly #clock: Clock
  /** Nodes that do not do a neighbour's share, and until when they are shunned. */
  readonly #shunned = new Map<Address, number>()

  constructor(self: Address, clock: Clock) {
    this.#self = self
    this.#clock = clock
  }

  get size(): number {
    return this.#peers.size
  }

  get(address: Address): Peer | undefined {
    return this.#peers.get(address)
  }

  has(address: Address): boolean {
    return this.#peers.has(address)
  }

  /** Whether any peer says it listens at `endpoint`. */
  listensAt(endpoint: string): boolean {
    for (const { endpoints } of this.#peers.values()) if (endpoints.includes(endpoint)) return true
    return false
  }

  /** Takes a node for no neighbour for a while, and routes nothing to it: it does not do a neighbour's share. */
  shun(address: Address): void {
    setLatest(this.#shunned, address, this.#clock.now() + SHUN_MS, MAX_SHUNNED)
  }

  isShunned(address: Address): boolean {
    return this.#shunned.size > 0 && (this.#shunned.get(address) ?? 0) > this.#clock.now()
  }

  all(): IterableIterator<Peer> {
    return this.#peers.values()
  }

  /** The peers that say where they listen. */
  contacts(): Contact[] {
    const contacts: Contact[] = []
    for (const { address, endpoints } of this.all()) if (endpoints.length > 0) contacts.push({ address, endpoints })
    return contacts
  }

  /** Peers that may be linked to a node as well: first those that name it among their neighbours, the nearest first. */
  relaysFor(address: Address, most: number): Address[] {
    const names = ({ status }: Peer) =>
      status?.left.includes(address) === true || status?.right.includes(address) === true
    return [...this.all()]
      .filter((peer) => peer.address !== address && !peer.link.relayed)
      .sort((a, b) => Number(names(b)) - Number(names(a)) || a.roundTrip.timeoutMs - b.roundTrip.timeoutMs)
      .slice(0, most)
      .map((peer) => peer.address)
  }

  /** Adds a link or replaces the one in use; undefined if the old one stays. The caller closes the superfluous one. */
  add(link: Link): Peer | undefined {
    const now = this.#clock.now()
    const known = this.#peers.get(link.peer)
    if (known === undefined) {
      const peer: Peer = {
        address: link.peer,
        link,
        linkedAt: now,
        endpoints: [],
        status: undefined,
        roles: new Set(),
        heardAt: now,
        usedAt: now,
        pingedAt: now,
        roundTrip: new RoundTrip({ firstMs: FIRST_ROUND_TRIP_MS, longestMs: MAX_PATIENCE_MS }),
        measuredAt: undefined,
        answers: new RoundTrip({ firstMs: FIRST_ROUND_TRIP_MS, longestMs: MAX_ANSWER_MS }),
        askedAt: undefined,
        suspectSince: undefined,
        unwantedSince: now,
      }
      this.#peers.set(link.peer, peer)
      return peer
    }
    const silent = now - known.heardAt > FRESH_MS
    if (!silent && !this.#replaces(link, known.link)) return undefined
    known.link = link
    known.linkedAt = now
    hear(known, now)
    return known
  }

  /** Forgets the peer if `link` is the one in use. Returns whether it was. */
  remove(link: Link): boolean {
    const known = this.#peers.get(link.peer)
    return known?.link === link && this.#peers.delete(link.peer)
  }

  #replaces(candidate: Link, current: Link): boolean {
    if (rank(candidate) !== rank(current)) return rank(candidate) > rank(current)
    if (candidate.outgoing === current.outgoing) return true
    const dialledByLower = candidate.outgoing === this.#self < candidate.peer
    return dialledByLower
  }
}

function rank({ relayed, carrier }: Link): number {
  if (relayed) return 0
  return carrier === 'tcp' ? 1 : 2
}
