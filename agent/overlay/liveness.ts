/**
 * Which peers are alive. A neighbour is pinged after `PING_NEIGHBOR_MS` of silence and is dead after
 * `NEIGHBOR_DEAD_AFTER_MS`; every other link is checked lazily.
 *
 * Guarantees: a process that itself stood still (a busy host, a laptop that slept) does not blame its peers for it, and
 * no peer counts as dead before it was pinged.
 */

import type { Clock, Timer } from '../core/clock.ts'
import type { Address } from './address.ts'
import {
  HEARTBEAT_TICK_MS,
  LINK_DEAD_AFTER_MS,
  NEIGHBOR_ANSWERS_WITHIN_MS,
  NEIGHBOR_DEAD_AFTER_MS,
  PING_LINK_MS,
  PING_NEIGHBOR_MS,
  STALL_MS,
  SUSPECT_DEAD_AFTER_MS,
} from './constants.ts'
import type { Peer, Peers } from './peers.ts'

export class Liveness {
  readonly #peers: Peers
  readonly #clock: Clock
  readonly #isNeighbor: (address: Address) => boolean
  readonly #ping: (peer: Peer) => void
  readonly #dead: (peer: Peer) => void
  #timer: Timer | undefined
  #tickedAt = 0

  constructor(parts: {
    peers: Peers
    clock: Clock
    isNeighbor: (address: Address) => boolean
    ping: (peer: Peer) => void
    dead: (peer: Peer) => void
  }) {
    this.#peers = parts.peers
    this.#clock = parts.clock
    this.#isNeighbor = parts.isNeighbor
    this.#ping = parts.ping
    this.#dead = parts.dead
  }

  start(): void {
    this.#tickedAt = this.#clock.now()
    this.#arm()
  }

  /** No answer came over the link to this peer: the peer may be dead, or a node behind it. A ping will tell. */
  suspect(address: Address): void {
    const peer = this.#peers.get(address)
    if (peer === undefined || peer.suspectSince !== undefined) return
    peer.suspectSince = this.#clock.now()
    this.#ping(peer)
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #arm(): void {
    this.#timer = this.#clock.after(HEARTBEAT_TICK_MS, () => {
      this.#arm()
      this.#tick()
    })
  }

  #tick(): void {
    const now = this.#clock.now()
    const stalledMs = now - this.#tickedAt - HEARTBEAT_TICK_MS
    this.#tickedAt = now
    for (const peer of [...this.#peers.all()]) {
      if (stalledMs > STALL_MS) forgive(peer, now, stalledMs)
      if (this.#isDead(peer, now)) this.#dead(peer)
    }
    // Pings come last: a death makes another peer the neighbour.
    for (const peer of [...this.#peers.all()]) this.#askAfter(peer, now)
  }

  #isDead({ address, heardAt, askedAt, suspectSince, roundTrip }: Peer, now: number): boolean {
    if (now - (suspectSince ?? now) > Math.max(SUSPECT_DEAD_AFTER_MS, 2 * roundTrip.timeoutMs)) return true
    if (!this.#isNeighbor(address)) return now - heardAt > LINK_DEAD_AFTER_MS
    // Two pings must have had the time to be answered, however far the peer is.
    const patienceMs = Math.max(NEIGHBOR_DEAD_AFTER_MS, 2 * PING_NEIGHBOR_MS + roundTrip.timeoutMs)
    const answersMs = Math.max(NEIGHBOR_ANSWERS_WITHIN_MS, roundTrip.timeoutMs)
    return now - heardAt > patienceMs && now - (askedAt ?? now) >= answersMs
  }

  #askAfter(peer: Peer, now: number): void {
    const every = this.#isNeighbor(peer.address) ? PING_NEIGHBOR_MS : PING_LINK_MS
    if (now - peer.heardAt < every || now - peer.pingedAt < every) return
    peer.pingedAt = now
    peer.askedAt ??= now
    this.#ping(peer)
  }
}

/** This process stood still: no peer's silence counts for that time. */
function forgive(peer: Peer, now: number, stalledMs: number): void {
  peer.heardAt = Math.min(now, peer.heardAt + stalledMs)
  if (peer.askedAt !== undefined) peer.askedAt = now
  if (peer.suspectSince !== undefined) peer.suspectSince = now
}
