/**
 * Who is still there. A neighbour is pinged when it was silent for `PING_NEIGHBOR_MS` and is dead after
 * `NEIGHBOR_DEAD_AFTER_MS`; every other link is looked after lazily.
 *
 * Guarantees that a process which itself stood still (a busy host, a laptop that slept) blames nobody for it.
 */

import type { Clock, Timer } from '../core/clock.ts'
import type { Address } from './address.ts'
import {
  HEARTBEAT_TICK_MS,
  LINK_DEAD_AFTER_MS,
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

  /** No answer came over the link to `peer`: perhaps it is dead, perhaps something behind it. A ping will tell. */
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
      if (stalledMs > STALL_MS) peer.heardAt = Math.min(now, peer.heardAt + stalledMs)
      if (stalledMs > STALL_MS && peer.suspectSince !== undefined) peer.suspectSince = now
      const neighbor = this.#isNeighbor(peer.address)
      const silentMs = now - peer.heardAt
      const suspectMs = now - (peer.suspectSince ?? now)
      const deadAfterMs = neighbor ? NEIGHBOR_DEAD_AFTER_MS : LINK_DEAD_AFTER_MS
      if (silentMs > deadAfterMs || suspectMs > SUSPECT_DEAD_AFTER_MS) this.#dead(peer)
      else {
        const every = neighbor ? PING_NEIGHBOR_MS : PING_LINK_MS
        if (silentMs >= every && now - peer.pingedAt >= every) {
          peer.pingedAt = now
          this.#ping(peer)
        }
      }
    }
  }
}
