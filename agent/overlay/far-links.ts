/**
 * Far links: k = log2(n) shortcuts drawn from Kleinberg's harmonic distribution, so that greedy routing needs
 * O(log² n / k) hops (paper section 4, reference 27), which is O(log n) then.
 *
 * Requests go only over links that this node chose, so k is all that it routes over besides its near links. With half as
 * many, a ring of 1,000 has more than 0.5 · log2(n) + 1 hops in the mean; with three quarters, one of 100,000 has.
 */

import { encode } from '../core/codec.ts'
import type { Random } from '../core/random.ts'
import { ADDRESS_BITS, type Address, toAddress } from './address.ts'
import { type Connector, decodeContacts } from './connector.ts'
import { FAR_ROUNDS_MAX, FAR_VAIN_FREE, NEAR_PER_SIDE } from './constants.ts'
import { ringRequestCodec } from './messages.ts'
import { DeliveryError, SERVICES } from './overlay.ts'
import type { Peers } from './peers.ts'
import type { Router } from './router.ts'

/** How many far links a node wants in a ring of `size` nodes: no more than there are nodes that are not near. */
export function wantedFarLinks(size: number): number {
  const others = Math.round(size) - 1 - 2 * NEAR_PER_SIDE
  return others <= 0 ? 0 : Math.min(others, Math.round(Math.log2(size)))
}

/** Draws a point whose distance from `self` has density ~ 1/distance between one mean gap and half the circle. */
export function drawFarTarget(self: Address, size: number, random: Random): Address {
  const bits = ADDRESS_BITS - 1 + Math.log2(size / 2) * (random.float() - 1)
  const whole = Math.floor(bits)
  const mantissa = BigInt(Math.round(2 ** (bits - whole + 40)))
  const away = (mantissa << BigInt(whole)) >> 40n
  return toAddress(random.below(2) === 0 ? self + away : self - away)
}

export class FarLinks {
  readonly #self: Address
  readonly #peers: Peers
  readonly #router: Router
  readonly #connector: Connector
  readonly #random: Random
  /** Draws in a row that led to no new node, as in a small ring most do; and the rounds until the next one. */
  #vain = 0
  #rest = 0
  /** How many links were missing at the last draw. */
  #missed = 0
  #drawing = false

  constructor(parts: { self: Address; peers: Peers; router: Router; connector: Connector; random: Random }) {
    this.#self = parts.self
    this.#peers = parts.peers
    this.#router = parts.router
    this.#connector = parts.connector
    this.#random = parts.random
  }

  /** Draws one link if there are too few, ever more rarely while that leads to none; gives the oldest up if there are more than two too many. */
  async balance(size: number, isNear: (address: Address) => boolean): Promise<void> {
    const far = [...this.#peers.all()].filter(({ roles }) => roles.has('far'))
    const wanted = wantedFarLinks(size)
    if (far.length > wanted + 2) far[0]!.roles.delete('far')
    const missing = wanted - far.length
    if (missing > this.#missed) this.#hurry()
    if (missing <= 0) this.#missed = 0
    if (missing <= 0 || this.#drawing || this.#rest-- > 0) return
    this.#missed = missing
    this.#drawing = true
    // None at first; then 1, 3, 7 rounds, and so on.
    this.#rest = Math.min(2 ** Math.max(0, this.#vain++ - FAR_VAIN_FREE) - 1, FAR_ROUNDS_MAX)
    try {
      if (await this.#draw(size, isNear)) this.#hurry()
    } catch (error) {
      if (!(error instanceof DeliveryError)) throw error
    } finally {
      this.#drawing = false
    }
  }

  #hurry(): void {
    this.#vain = 0
    this.#rest = 0
  }

  /** Returns whether there is another far link. */
  async #draw(size: number, isNear: (address: Address) => boolean): Promise<boolean> {
    const target = drawFarTarget(this.#self, size, this.#random)
    const body = encode(ringRequestCodec, { kind: 'contact', of: target })
    const answer = await this.#router.request(SERVICES.ring, target, body)
    const contact = decodeContacts(answer.body)[0]
    if (contact === undefined || contact.address === this.#self || isNear(contact.address)) return false
    await this.#connector.connect(contact.address, undefined, contact)
    const roles = this.#peers.get(contact.address)?.roles
    if (roles === undefined || roles.has('far')) return false
    roles.add('far')
    return true
  }
}
