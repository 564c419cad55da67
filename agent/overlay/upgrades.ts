/**
 * Replaces relayed links with direct ones: two nodes that could not reach each other when they met may do so once both
 * dial at the same moment, or one was only slow. Tried at once, then ever more rarely; the relayed link stays in use until a
 * direct one is up.
 */

import { Backoff } from '../core/backoff.ts'
import type { Clock } from '../core/clock.ts'
import type { Connector } from './connector.ts'
import { UPGRADE_MAX_MS, UPGRADE_MIN_MS } from './constants.ts'
import type { Peer, Peers } from './peers.ts'

interface Plan {
  readonly backoff: Backoff
  nextAt: number
}

export class Upgrades {
  readonly #peers: Peers
  readonly #clock: Clock
  readonly #connector: Pick<Connector, 'punch'>
  readonly #plans = new WeakMap<Peer, Plan>()

  constructor(parts: { peers: Peers; clock: Clock; connector: Pick<Connector, 'punch'> }) {
    this.#peers = parts.peers
    this.#clock = parts.clock
    this.#connector = parts.connector
  }

  /** A peer has said who it is and where it listens. */
  onMet(peer: Peer): void {
    if (peer.link.relayed) this.#try(peer)
  }

  /** Checks all links; called every few seconds. */
  review(isWanted: (peer: Peer) => boolean): void {
    for (const peer of this.#peers.all()) if (peer.link.relayed && isWanted(peer)) this.#try(peer)
  }

  #try(peer: Peer): void {
    const { address, endpoints } = peer
    if (endpoints.length === 0) return
    const now = this.#clock.now()
    const plan = this.#plans.get(peer) ?? { backoff: newBackoff(), nextAt: now }
    this.#plans.set(peer, plan)
    if (now < plan.nextAt) return
    plan.nextAt = now + plan.backoff.next()
    void this.#connector.punch({ address, endpoints })
  }
}

function newBackoff(): Backoff {
  return new Backoff({ minMs: UPGRADE_MIN_MS, maxMs: UPGRADE_MAX_MS })
}
