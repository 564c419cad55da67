/** The addresses that may be leased, and the order in which they are tried. */

import { broadcastOf, type Cidr, cidrSize, contains, type Ip4, serviceAddressOf } from '../core/ip.ts'
import type { Random } from '../core/random.ts'

export class AddressPool {
  readonly #cidr: Cidr
  readonly #reserved: ReadonlySet<Ip4>

  /** The network, broadcast and service addresses are always reserved; `reserved` adds more. */
  constructor(cidr: Cidr, reserved: readonly Ip4[]) {
    this.#cidr = cidr
    this.#reserved = new Set([cidr.base, broadcastOf(cidr), serviceAddressOf(cidr), ...reserved])
  }

  /** How many addresses can be leased. */
  get size(): number {
    let outside = 0
    for (const ip of this.#reserved) if (!contains(this.#cidr, ip)) outside++
    return cidrSize(this.#cidr) - this.#reserved.size + outside
  }

  has(ip: Ip4): boolean {
    return contains(this.#cidr, ip) && !this.#reserved.has(ip)
  }

  /**
   * Every leasable address once, in random order (paper section 5.2: a random address, then another), so the one free
   * address of a full pool is still found. Needs no memory: a random start and a random odd step cover a power of two.
   */
  *shuffled(random: Random): Generator<Ip4> {
    const size = cidrSize(this.#cidr)
    const start = random.below(size)
    const step = random.below(size / 2) * 2 + 1
    for (let i = 0; i < size; i++) {
      // The product can reach 2^32 * 2^32: BigInt only for pools where a double would lose digits.
      const offset =
        size <= 2 ** 26 ? (start + i * step) % size : Number((BigInt(start) + BigInt(i) * BigInt(step)) % BigInt(size))
      const ip = (this.#cidr.base + offset) as Ip4
      if (this.has(ip)) yield ip
    }
  }
}
