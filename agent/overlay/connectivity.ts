/**
 * This node's state in the ring: `alone` (it is the whole ring), `joined` (it once found its place and still has peers,
 * or is alone), `correct` (correctly connected now).
 *
 * It has no side effects: `review` returns what changed, and its caller acts.
 */

import type { Clock } from '../core/clock.ts'
import { CUT_OFF_AFTER_MS } from './constants.ts'
import type { NearLinks } from './near-links.ts'
import type { Peers } from './peers.ts'

/** What changed since the last review. */
export interface Turn {
  readonly joinedChanged: boolean
  readonly correctChanged: boolean
  /** Correctly connected again after an outage in which others may have gone on without this node. */
  readonly returned: boolean
  /** This node was alone and no longer is. */
  readonly foundOthers: boolean
}

export class Connectivity {
  readonly #peers: Pick<Peers, 'size'>
  readonly #near: Pick<NearLinks, 'bothNeighborsAgree'>
  readonly #clock: Clock
  #alone = false
  #joined = false
  #correct = false
  #cutOffSince: number | undefined

  constructor(parts: { peers: Pick<Peers, 'size'>; near: Pick<NearLinks, 'bothNeighborsAgree'>; clock: Clock }) {
    this.#peers = parts.peers
    this.#near = parts.near
    this.#clock = parts.clock
  }

  get alone(): boolean {
    return this.#alone
  }

  get joined(): boolean {
    return this.#joined
  }

  get correct(): boolean {
    return this.#correct
  }

  /** No other node was found. False when this node has peers, or was alone already. */
  becomeAlone(): boolean {
    if (this.#peers.size > 0 || this.#alone) return false
    this.#alone = true
    return true
  }

  /** This node was away: what it knew of its place is out of date. */
  doubt(): void {
    this.#joined = false
    this.#cutOffSince = Number.NEGATIVE_INFINITY
  }

  review(): Turn {
    const [wasAlone, wasJoined, wasCorrect] = [this.#alone, this.#joined, this.#correct]
    const hasPeers = this.#peers.size > 0
    if (hasPeers) this.#alone = false
    this.#correct = this.#alone || this.#near.bothNeighborsAgree
    this.#joined = this.#correct || (wasJoined && (hasPeers || this.#alone))
    const correctChanged = this.#correct !== wasCorrect
    return {
      joinedChanged: this.#joined !== wasJoined,
      correctChanged,
      returned: correctChanged && this.#noteOutage(),
      foundOthers: wasAlone && !this.#alone,
    }
  }

  /** Whether an outage just ended that was long enough to count. */
  #noteOutage(): boolean {
    const now = this.#clock.now()
    const since = this.#cutOffSince
    this.#cutOffSince = this.#correct ? undefined : now
    return this.#correct && since !== undefined && now - since > CUT_OFF_AFTER_MS
  }
}
