/**
 * Cookies: what a node that is under load wants back before it works for a stranger (as in WireGuard, section 5.3).
 *
 * A cookie is a MAC of the stranger's endpoint under a secret of this node, so it needs no memory, and only who receives
 * at that endpoint can show it. It holds for two to four minutes. The addon makes the same ones (agent/native/gate.c).
 */

import { equal, hmac } from '../core/bytes.ts'
import type { Clock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import { COOKIE_SECRET_MS } from './constants.ts'
import type { UdpEndpoint } from './datagrams.ts'
import { COOKIE_BYTES } from './packets.ts'
import { placeBytes } from './place.ts'

const SECRET_BYTES = 32

type OnSecrets = (present: Uint8Array, former: Uint8Array) => void

export class Cookies {
  readonly #clock: Clock
  readonly #random: Pick<Random, 'bytes'>
  readonly #onSecrets: OnSecrets
  #current: Uint8Array
  #former: Uint8Array
  #changedAt: number

  /** `onSecrets` hears of the secrets whenever they change, and now. */
  constructor(clock: Clock, random: Pick<Random, 'bytes'>, onSecrets: OnSecrets = () => {}) {
    this.#clock = clock
    this.#random = random
    this.#current = random.bytes(SECRET_BYTES)
    this.#former = this.#current
    this.#changedAt = clock.now()
    this.#onSecrets = onSecrets
    onSecrets(this.#current, this.#former)
  }

  for(endpoint: UdpEndpoint): Uint8Array {
    this.#turn()
    return made(this.#current, endpoint)
  }

  isRight(endpoint: UdpEndpoint, cookie: Uint8Array): boolean {
    this.#turn()
    return equal(cookie, made(this.#current, endpoint)) || equal(cookie, made(this.#former, endpoint))
  }

  #turn(): void {
    const age = this.#clock.now() - this.#changedAt
    if (age < COOKIE_SECRET_MS) return
    this.#former = age < 2 * COOKIE_SECRET_MS ? this.#current : this.#random.bytes(SECRET_BYTES)
    this.#current = this.#random.bytes(SECRET_BYTES)
    this.#changedAt = this.#clock.now()
    this.#onSecrets(this.#current, this.#former)
  }
}

function made(secret: Uint8Array, endpoint: UdpEndpoint): Uint8Array {
  return hmac(secret, placeBytes(endpoint)).subarray(0, COOKIE_BYTES)
}
