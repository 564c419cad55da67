/**
 * Which peers are alive. A neighbour is pinged after `PING_NEIGHBOR_MS` of silence and is dead after
 * `NEIGHBOR_DEAD_AFTER_MS`. Of two neighbours the one with the smaller address asks; the other one waits a little longer, so that
 * the two do not ask each other at once; every other link is checked lazily, as rarely as it may be silent. A check keeps NATs on the way open, too.
 *
 * Guarantees: a process that itself stood still (a busy host, a laptop that slept) does not blame its peers for it, and
 * no peer counts as dead before it was pinged.
 */

import type { Clock } from '../core/clock.ts'
import { BEAT_MS } from '../core/vigil.ts'
import type { Address } from './address.ts'
import {
  LINK_ANSWERS_WITHIN_MS,
  MEASURE_AGAIN_PINGS,
  NEIGHBOR_ANSWERS_WITHIN_MS,
  NEIGHBOR_DEAD_AFTER_MS,
  PING_LINK_MS,
  PING_NEIGHBOR_MS,
  STALL_MS,
  SUSPECT_DEAD_AFTER_MS,
} from './constants.ts'
import type { Link } from './link.ts'
import type { Peer, Peers } from './peers.ts'

export class Liveness {
  readonly #self: Address
  readonly #peers: Peers
  readonly #clock: Clock
  readonly #isNeighbor: (address: Address) => boolean
  readonly #ping: (peer: Peer) => void
  readonly #dead: (peer: Peer) => void
  #checkedAt = 0

  constructor(parts: {
    self: Address
    peers: Peers
    clock: Clock
    isNeighbor: (address: Address) => boolean
    ping: (peer: Peer) => void
    dead: (peer: Peer) => void
  }) {
    this.#self = parts.self
    this.#peers = parts.peers
    this.#clock = parts.clock
    this.#isNeighbor = parts.isNeighbor
    this.#ping = parts.ping
    this.#dead = parts.dead
  }

  start(): void {
    this.#checkedAt = this.#clock.now()
  }

  /** No answer came over the link to this peer: the peer may be dead, or a node behind it. A ping will tell. */
  suspect(address: Address): void {
    const peer = this.#peers.get(address)
    if (peer === undefined || peer.suspectSince !== undefined) return
    peer.suspectSince = this.#clock.now()
    this.#ping(peer)
  }

  /** Looks after all peers; called every `BEAT_MS`. */
  check(): void {
    const now = this.#clock.now()
    const stalledMs = now - this.#checkedAt - BEAT_MS
    this.#checkedAt = now
    for (const peer of [...this.#peers.all()]) {
      if (stalledMs > STALL_MS) forgive(peer, now, stalledMs)
      if (this.#isDead(peer, now)) this.#dead(peer)
    }
    // Pings come last: a death makes another peer the neighbour.
    for (const peer of [...this.#peers.all()]) this.#askAfter(peer, now)
  }

  #isDead({ address, link, heardAt, askedAt, suspectSince, roundTrip }: Peer, now: number): boolean {
    if (now - (suspectSince ?? now) > Math.max(SUSPECT_DEAD_AFTER_MS, 2 * roundTrip.timeoutMs)) return true
    if (!this.#isNeighbor(address)) return now - heardAt > quietMs(link) + LINK_ANSWERS_WITHIN_MS
    // Two pings must have had the time to be answered, however far the peer is.
    const askedMs = this.#waitMs(address) + 2 * PING_NEIGHBOR_MS
    const patienceMs = Math.max(NEIGHBOR_DEAD_AFTER_MS, askedMs + roundTrip.timeoutMs)
    const answersMs = Math.max(NEIGHBOR_ANSWERS_WITHIN_MS, roundTrip.timeoutMs)
    return now - heardAt > patienceMs && now - (askedAt ?? now) >= answersMs
  }

  #askAfter(peer: Peer, now: number): void {
    const everyMs = this.#isNeighbor(peer.address) ? PING_NEIGHBOR_MS : quietMs(peer.link)
    // The round trip is measured by asking: now and then the other one is first.
    const isMeasured = now - (peer.measuredAt ?? Number.NEGATIVE_INFINITY) <= MEASURE_AGAIN_PINGS * everyMs
    const waitMs = this.#waitMs(peer.address) * (isMeasured ? 1 : -1)
    if (now - peer.heardAt < everyMs + waitMs || now - peer.pingedAt < everyMs) return
    peer.pingedAt = now
    peer.askedAt ??= now
    this.#ping(peer)
  }

  /** How much longer than the peer this node waits before it asks, ms. */
  #waitMs(peer: Address): number {
    return this.#self < peer ? 0 : BEAT_MS
  }
}

/** How long the other end of a link that is no neighbour's may be silent before it is asked, ms. */
function quietMs(link: Link): number {
  return link.quietMs ?? PING_LINK_MS
}

/** This process stood still: no peer's silence counts for that time. */
function forgive(peer: Peer, now: number, stalledMs: number): void {
  peer.heardAt = Math.min(now, peer.heardAt + stalledMs)
  if (peer.askedAt !== undefined) peer.askedAt = now
  if (peer.suspectSince !== undefined) peer.suspectSince = now
}
