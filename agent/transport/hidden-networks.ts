/** The networks of hidden interfaces: the overlay's own taps, which must never carry the overlay. */

import { networkInterfaces } from 'node:os'
import { HIDDEN_FOR_MS } from './constants.ts'
import { Networks } from './networks.ts'

export class HiddenNetworks {
  readonly #hidden: ReadonlySet<string>
  readonly #now: () => number
  readonly #interfaces: typeof networkInterfaces
  #networks = new Networks([])
  #readAt = Number.NEGATIVE_INFINITY

  constructor(interfaceNames: readonly string[], now: () => number, interfaces = networkInterfaces) {
    this.#hidden = new Set(interfaceNames)
    this.#now = now
    this.#interfaces = interfaces
  }

  /** Whether the way to `ip` is through a hidden interface. */
  haveInNetwork(ip: string): boolean {
    if (this.#now() - this.#readAt > HIDDEN_FOR_MS) this.#read()
    return this.#networks.include(ip)
  }

  #read(): void {
    if (this.#hidden.size === 0) return
    const hidden = Object.entries(this.#interfaces()).filter(([name]) => this.#hidden.has(name))
    const addresses = hidden.flatMap(([, all]) => all ?? [])
    this.#networks = new Networks(
      addresses.flatMap(({ address, cidr }) => (cidr === null ? [] : [[address, Number(cidr.split('/')[1])] as const])),
    )
    this.#readAt = this.#now()
  }
}
