/**
 * Finds the two nodes beside a point of a ring in which some nodes lie.
 *
 * No single node's word decides: the ring is asked over several first hops; a node counts only once a link has proven
 * that it is there; and the nearest ones are asked for their own neighbours until nobody names a nearer one. So a false
 * answer needs liars on every way.
 */

import type { Clock } from '../core/clock.ts'
import { doneWithin } from '../core/deadline.ts'
import type { Random } from '../core/random.ts'
import { type Address, toAddress } from '../overlay/address.ts'
import { neighborsNamed } from '../overlay/connector.ts'
import type { Contact } from '../overlay/link.ts'
import { nearest, type Side } from '../overlay/neighborhood.ts'
import { DeliveryError, type Overlay } from '../overlay/overlay.ts'
import { BESIDE_LINK_MS, BESIDE_PER_SIDE, BESIDE_ROUNDS, BESIDE_WAYS } from './constants.ts'
import type { SubKey } from './dht.ts'

/** What the search needs of the ring beyond `Overlay`. */
export interface Surroundings extends Overlay {
  /** The linked nodes. */
  contacts(): Contact[]
}

export type Sides = Readonly<Record<Side, Address>>

export class Beside {
  readonly #ring: Surroundings
  readonly #clock: Clock
  readonly #random: Random

  constructor({ ring, clock, random }: { ring: Surroundings; clock: Clock; random: Random }) {
    this.#ring = ring
    this.#clock = clock
    this.#random = random
  }

  /** The nodes left and right of `point`: the replicas of a sub-key. Undefined when they cannot be made out now. */
  async find(point: SubKey): Promise<Sides | undefined> {
    const known = new Map<Address, Contact>()
    const { self } = this.#ring
    const note = (contacts: readonly Contact[]) => {
      for (const contact of contacts) if (!known.has(contact.address)) known.set(contact.address, contact)
    }
    note([{ address: self, endpoints: [] }, ...this.#ring.contacts()])
    await Promise.all(this.#ways().map(async (through) => note(await this.#named(point, { through }))))
    const asked = new Set<Address>([self])
    for (let round = 0; round < BESIDE_ROUNDS; round++) {
      const around = (['left', 'right'] as const).flatMap((side) => this.#nearest(point, side, known))
      const open = [...new Set(around)].filter((address) => !asked.has(address))
      if (open.length === 0) {
        const [left] = this.#nearest(point, 'left', known)
        const [right] = this.#nearest(point, 'right', known)
        return left === undefined || right === undefined ? undefined : { left, right }
      }
      await Promise.all(
        open.map(async (address) => {
          asked.add(address)
          const isThere = await this.#reach(known.get(address)!)
          // What cannot be reached is not there; a node is not named again once it was asked.
          if (isThere) note(await this.#named(address, { delivery: 'exact' }))
          else known.delete(address)
        }),
      )
      for (const address of known.keys()) if (asked.has(address) && !this.#isLinked(address)) known.delete(address)
    }
    return undefined
  }

  #isLinked(address: Address): boolean {
    return address === this.#ring.self || this.#ring.contacts().some((contact) => contact.address === address)
  }

  /** The point itself counts as right of it, as in `Custody`: an arc begins at its left end. */
  #nearest(point: SubKey, side: Side, known: ReadonlyMap<Address, Contact>): Address[] {
    const from = side === 'left' ? toAddress(point + 1n) : toAddress(point)
    return nearest(from, side, known.keys(), BESIDE_PER_SIDE)
  }

  /** Different first hops, drawn anew for each search. */
  #ways(): Address[] {
    const hops = this.#ring.contacts().map(({ address }) => address)
    return Array.from(
      { length: Math.min(BESIDE_WAYS, hops.length) },
      () => hops.splice(this.#random.below(hops.length), 1)[0]!,
    )
  }

  async #named(target: Address, how: { through: Address } | { delivery: 'exact' }): Promise<readonly Contact[]> {
    try {
      return await neighborsNamed(this.#ring, target, how)
    } catch (error) {
      if (error instanceof DeliveryError) return []
      throw error
    }
  }

  /** Whether a node proves on a link that it is there. */
  async #reach(contact: Contact): Promise<boolean> {
    if (this.#isLinked(contact.address)) return true
    try {
      return await doneWithin(this.#clock, BESIDE_LINK_MS, this.#ring.connect(contact.address, undefined, contact))
    } catch (error) {
      if (error instanceof DeliveryError) return false
      throw error
    }
  }
}
