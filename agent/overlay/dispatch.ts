/**
 * Hands each incoming frame to the router (requests, answers), the near links (status) or the datagram handler.
 *
 * Guarantees: malformed frames and frames beyond a peer's rate are counted and dropped; the link stays up.
 */

import type { Clock } from '../core/clock.ts'
import { DecodeError, decode } from '../core/codec.ts'
import type { Vigil } from '../core/vigil.ts'
import type { Address } from './address.ts'
import type { Admission } from './admission.ts'
import type { DuplicateIdentity } from './duplicate-identity.ts'
import type { Link } from './link.ts'
import { type Frame, frameCodec, type Status } from './messages.ts'
import { hear, measure, type Peer, type Peers } from './peers.ts'
import type { Router } from './router.ts'
import type { StatusExchange } from './status-exchange.ts'

export interface DispatchParts {
  readonly vigil: Vigil
  readonly peers: Peers
  readonly router: Router
  readonly clock: Clock
  readonly admission: Admission
  readonly statuses: StatusExchange
  readonly duplicates: DuplicateIdentity
  readonly send: (to: Address, frame: Frame) => boolean
  /** A peer's view of the ring changed, or came for the first time. */
  readonly onStatus: (peer: Peer, isFirst: boolean) => void
  /** A peer says that it took this node for dead `agoMs` ago. */
  readonly onGivenUp: (peer: Address, agoMs: number) => void
  /** A peer says that it was away for `forMs`. */
  readonly onAway: (peer: Address, forMs: number) => void
}

export class Dispatch {
  readonly #parts: DispatchParts
  #malformed = 0
  onDatagram: (peer: Address, body: Uint8Array) => void = () => {}

  constructor(parts: DispatchParts) {
    this.#parts = parts
  }

  /** Frames that could not be decoded. */
  get malformed(): number {
    return this.#malformed
  }

  onFrame(link: Link, bytes: Uint8Array): void {
    const { vigil, peers, clock, admission, router, duplicates, statuses, send } = this.#parts
    vigil.look()
    const from = link.peer
    const peer = peers.get(from)
    if (peer === undefined) return
    const frame = this.#decode(bytes)
    if (frame === undefined) return
    if (frame.kind === 'pong' && link === peer.link) measure(peer, clock.now())
    // A frame on a new link proves nothing about the link in use, which may be dead in one direction.
    if (link === peer.link) hear(peer, clock.now())
    const isReply = frame.kind === 'answer' || frame.kind === 'failure'
    if (frame.kind !== 'datagram' && !isReply && !admission.hears(peer)) return
    switch (frame.kind) {
      case 'hello':
        peer.endpoints = frame.endpoints
        break
      case 'status':
        duplicates.onStatus(link, frame.epoch)
        this.#onStatus(peer, frame)
        break
      case 'ping':
        send(from, { kind: 'pong', seen: peer.status?.serial ?? 0 })
        break
      case 'gaveUp':
        this.#parts.onGivenUp(from, frame.agoMs)
        break
      case 'away':
        this.#parts.onAway(from, frame.forMs)
        break
      case 'twin':
        duplicates.onTold(link)
        break
      case 'twinChallenge':
        duplicates.onChallenge(link, frame.nonce)
        break
      case 'twinProve':
        duplicates.onProve(link, frame.nonce)
        break
      case 'twinProof':
        duplicates.onProof(frame.nonce, frame.proof)
        break
      case 'pong':
        duplicates.onPong(link)
        statuses.onSeen(peer, frame.seen)
        break
      case 'request':
        router.onRequest(from, frame)
        break
      case 'answer':
        router.onAnswer(from, frame)
        break
      case 'failure':
        router.onFailure(from, frame)
        break
      case 'datagram':
        peer.usedAt = clock.now()
        this.onDatagram(from, frame.body)
        break
    }
  }

  #decode(bytes: Uint8Array): Frame | undefined {
    try {
      return decode(frameCodec, bytes)
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      this.#malformed++
      return undefined
    }
  }

  #onStatus(peer: Peer, status: Status): void {
    if (!isNewer(status, peer.status)) return
    const isFirst = peer.status === undefined
    peer.status = status
    this.#parts.onStatus(peer, isFirst)
  }
}

/** While two links to one peer are up, an older status may arrive after a newer one. */
function isNewer(status: Status, known: Status | undefined): boolean {
  return known === undefined || status.epoch !== known.epoch || status.serial > known.serial
}
