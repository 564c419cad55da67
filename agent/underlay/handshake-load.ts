/** How many first messages of a handshake a node takes: without a cookie, from one network, and in all. */

import { hex } from '../core/bytes.ts'
import type { Clock } from '../core/clock.ts'
import { setLatest } from '../core/latest.ts'
import {
  FIRST_MESSAGES_PER_S,
  FREE_HALF_OPEN,
  FREE_HANDSHAKES_PER_S,
  HANDSHAKES_PER_NETWORK_PER_S,
  HANDSHAKES_PER_S,
  MAX_NETWORKS,
} from './constants.ts'
import type { UdpEndpoint } from './datagrams.ts'
import { ADDRESS_AT, placeBytes } from './place.ts'
import { ipOf, isIp6 } from './udp-endpoint.ts'

const NETWORK6_BYTES = 8

export class HandshakeLoad {
  readonly #clock: Clock
  readonly #looks: TokenBucket
  readonly #free: TokenBucket
  readonly #all: TokenBucket
  /** The one that was silent longest first. */
  readonly #networks = new Map<string, TokenBucket>()

  constructor(clock: Clock) {
    this.#clock = clock
    this.#looks = new TokenBucket(clock, FIRST_MESSAGES_PER_S)
    this.#free = new TokenBucket(clock, FREE_HANDSHAKES_PER_S)
    this.#all = new TokenBucket(clock, HANDSHAKES_PER_S)
  }

  /** Whether one more first message is looked at. */
  looks(): boolean {
    return this.#looks.take()
  }

  /** Whether one more first message is taken without a cookie. */
  admitsStranger(halfOpen: number): boolean {
    return halfOpen < FREE_HALF_OPEN && this.#free.take()
  }

  /** Whether one more first message with a right cookie is taken. @param network who sent it, see `networkOf` */
  admits(network: string): boolean {
    const bucket = this.#networks.get(network) ?? new TokenBucket(this.#clock, HANDSHAKES_PER_NETWORK_PER_S)
    setLatest(this.#networks, network, bucket, MAX_NETWORKS)
    return bucket.take() && this.#all.take()
  }
}

/** Fills with `perSecond` tokens a second, and holds as many. */
class TokenBucket {
  readonly #clock: Clock
  readonly #perSecond: number
  #tokens: number
  #filledAt: number

  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock
    this.#perSecond = perSecond
    this.#tokens = perSecond
    this.#filledAt = clock.now()
  }

  take(): boolean {
    const now = this.#clock.now()
    this.#tokens = Math.min(this.#perSecond, this.#tokens + ((now - this.#filledAt) / 1_000) * this.#perSecond)
    this.#filledAt = now
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}

/** An IPv4 address, or the first 64 bits of an IPv6 address: whoever has one of these has them all. */
export function networkOf(endpoint: UdpEndpoint): string {
  return isIp6(endpoint) ? hex(placeBytes(endpoint).subarray(ADDRESS_AT, ADDRESS_AT + NETWORK6_BYTES)) : ipOf(endpoint)
}
