/** The machine's IP addresses, without those of hidden interfaces: the overlay's own taps must never carry the overlay. */

import { networkInterfaces } from 'node:os'
import type { Clock } from '../core/clock.ts'
import { INTERFACES_FOR_MS } from './constants.ts'

export class MachineAddresses {
  readonly #hidden: ReadonlySet<string>
  readonly #clock: Clock
  #known: readonly string[] = []
  #readAt = Number.NEGATIVE_INFINITY

  constructor(hiddenInterfaces: readonly string[], clock: Clock) {
    this.#hidden = new Set(hiddenInterfaces)
    this.#clock = clock
  }

  /** Where a socket bound to `ip` can be reached: there, or at every address of its family. IPv6 link-local ones need a zone, so others could not use them. */
  reachedBy(ip: string): readonly string[] {
    if (ip !== '0.0.0.0' && ip !== '::') return [ip]
    if (this.#clock.now() - this.#readAt > INTERFACES_FOR_MS) this.#read()
    return this.#known.filter((one) => one.includes(':') === ip.includes(':'))
  }

  #read(): void {
    const shown = Object.entries(networkInterfaces()).filter(([name]) => !this.#hidden.has(name))
    this.#known = shown
      .flatMap(([, addresses]) => addresses?.map(({ address }) => address) ?? [])
      .filter((address) => !/^fe[89ab]/i.test(address))
    this.#readAt = this.#clock.now()
  }
}
