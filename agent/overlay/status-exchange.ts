/**
 * What linked nodes tell each other about themselves: `hello` (where I listen) and `status` (my view of the ring, and
 * whether I want this link).
 *
 * Guarantees: every change is sent once to each peer it matters to. Neighbours repeat themselves ever more slowly until the
 * next change, which repairs a lost message.
 */

import { Backoff } from '../core/backoff.ts'
import type { Address } from './address.ts'
import { STATUS_MAX_PERIODS } from './constants.ts'
import type { GivenUp } from './given-up.ts'
import type { LinkLayer } from './link.ts'
import type { Frame, Status } from './messages.ts'
import type { NearLinks } from './near-links.ts'
import { isSameSide } from './neighborhood.ts'
import type { Peer, Peers } from './peers.ts'
import { wants } from './wants.ts'

/** What 32 bits hold: seven weeks. */
const MAX_GAVE_UP_MS = 2 ** 32 - 1

export class StatusExchange {
  readonly #links: LinkLayer
  readonly #peers: Peers
  readonly #near: NearLinks
  readonly #joined: () => boolean
  readonly #givenUp: GivenUp
  readonly #send: (to: Address, frame: Frame) => boolean
  /** The last status sent to each peer. */
  readonly #told = new WeakMap<Peer, Status>()
  readonly #epoch: number
  #serial = 1
  #endpoints = ''
  /** Periods between two repetitions, and how many are left until the next. */
  readonly #pause = new Backoff({ minMs: 1, maxMs: STATUS_MAX_PERIODS })
  #periods = 1

  constructor(parts: {
    links: LinkLayer
    peers: Peers
    near: NearLinks
    /** Random; names this run of the node. */
    epoch: number
    joined: () => boolean
    givenUp: GivenUp
    send: (to: Address, frame: Frame) => boolean
  }) {
    this.#links = parts.links
    this.#peers = parts.peers
    this.#near = parts.near
    this.#epoch = parts.epoch
    this.#joined = parts.joined
    this.#givenUp = parts.givenUp
    this.#send = parts.send
  }

  introduce(peer: Peer): void {
    this.#repeatSoon()
    this.#givenUp.onLinked(peer.address)
    this.#send(peer.address, { kind: 'hello', endpoints: this.#links.endpoints() })
    this.#tell(peer, this.#statusFor(peer))
  }

  /** Something about this node changed: tells the peers concerned. */
  spread(): void {
    for (const peer of this.#peers.all()) {
      const status = this.#statusFor(peer)
      const told = this.#told.get(peer)
      if (told !== undefined && !concerns(status, told, this.#standsNear(peer))) continue
      this.#repeatSoon()
      this.#tell(peer, status)
    }
  }

  /** The slow repetition, called every `STATUS_PERIOD_MS`; it also spreads new endpoints (a relay accepted us). */
  repeat(): void {
    const spread = this.spreadEndpoints()
    if (--this.#periods > 0) return
    this.#periods = this.#pause.next()
    const endpoints = this.#links.endpoints()
    for (const peer of this.#peers.all()) {
      if (!this.#standsNear(peer)) continue
      if (!spread) this.#send(peer.address, { kind: 'hello', endpoints })
      this.#tell(peer, this.#statusFor(peer))
    }
  }

  /** Tells all peers where this node can be reached, if that has changed. Returns whether it has. */
  spreadEndpoints(): boolean {
    const endpoints = this.#links.endpoints()
    if (endpoints.join() === this.#endpoints) return false
    this.#endpoints = endpoints.join()
    this.#repeatSoon()
    for (const { address } of this.#peers.all()) this.#send(address, { kind: 'hello', endpoints })
    return true
  }

  #repeatSoon(): void {
    this.#pause.reset()
    this.#periods = this.#pause.next()
  }

  /** `serial`: of our last status that the peer has; a lost status is sent again. */
  onSeen(peer: Peer, serial: number): void {
    const told = this.#told.get(peer)
    if (told?.serial !== serial) this.#tell(peer, this.#statusFor(peer))
    else this.#givenUp.onKnown(peer.address)
  }

  #tell(peer: Peer, status: Status): void {
    const agoMs = Math.min(this.#givenUp.gaveUpMs(peer.address), MAX_GAVE_UP_MS)
    if (agoMs > 0) this.#send(peer.address, { kind: 'gaveUp', agoMs })
    if (this.#send(peer.address, status)) this.#told.set(peer, status)
  }

  #statusFor(peer: Peer): Status {
    const near = this.#near
    return {
      kind: 'status',
      epoch: this.#epoch,
      serial: this.#serial++,
      wanted: wants(peer, { near, links: this.#links }),
      joined: this.#joined(),
      left: near.left,
      right: near.right,
    }
  }

  /** This peer is near us, we are near it, or it is still looking for its place. */
  #standsNear({ address, status }: Peer): boolean {
    if (status === undefined || !status.joined || this.#near.isNear(address)) return true
    return status.left.includes(this.#links.self) || status.right.includes(this.#links.self)
  }
}

function concerns(status: Status, told: Status, near: boolean): boolean {
  if (status.wanted !== told.wanted || status.joined !== told.joined) return true
  return near && !(isSameSide(status.left, told.left) && isSameSide(status.right, told.right))
}
