/**
 * Where a peer is: the endpoint changes only when the peer has answered a challenge at the new one.
 *
 * Guarantees: a challenge is never longer than the record that caused it, and one goes out a second at most, so nobody
 * who sends records on from elsewhere can aim traffic at a third party.
 */

import { equal } from '../core/bytes.ts'
import type { Clock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import { CHALLENGE_LIMIT_MS } from './constants.ts'
import type { UdpEndpoint } from './datagrams.ts'
import { CHALLENGE_BYTES, RECORD_OVERHEAD } from './records.ts'

export class Whereabouts {
  readonly #clock: Clock
  readonly #random: Pick<Random, 'bytes'>
  readonly #challenge: (to: UdpEndpoint, nonce: Uint8Array) => void
  #remote: UdpEndpoint
  #candidate: { endpoint: UdpEndpoint; nonce: Uint8Array; askedAt: number } | undefined

  constructor(parts: {
    remote: UdpEndpoint
    clock: Clock
    random: Pick<Random, 'bytes'>
    challenge: (to: UdpEndpoint, nonce: Uint8Array) => void
  }) {
    this.#remote = parts.remote
    this.#clock = parts.clock
    this.#random = parts.random
    this.#challenge = parts.challenge
  }

  get remote(): UdpEndpoint {
    return this.#remote
  }

  /** An authentic record of `length` bytes came from there. */
  heard(from: UdpEndpoint, length: number): void {
    if (from === this.#remote || length < RECORD_OVERHEAD + CHALLENGE_BYTES) return
    const now = this.#clock.now()
    if (this.#candidate !== undefined && now - this.#candidate.askedAt < CHALLENGE_LIMIT_MS) return
    const nonce = this.#random.bytes(CHALLENGE_BYTES)
    this.#candidate = { endpoint: from, nonce, askedAt: now }
    this.#challenge(from, nonce)
  }

  /** An authentic answer came from there. Returns whether the peer has moved. */
  answered(from: UdpEndpoint, nonce: Uint8Array): boolean {
    const candidate = this.#candidate
    if (candidate === undefined || candidate.endpoint !== from || !equal(candidate.nonce, nonce)) return false
    this.#remote = from
    this.#candidate = undefined
    return true
  }
}
