/** The leases and offers that this node holds now, by client and by address, without expired ones. */

import type { Clock } from '../core/clock.ts'
import type { Ip4 } from '../core/ip.ts'
import type { ClientId, Lease } from './lease.ts'

export interface Held {
  readonly lease: Lease
  readonly password: Uint8Array
  /** How many addresses were tried to get it. */
  readonly tried: number
}

export class HeldLeases {
  readonly #clock: Clock
  readonly #byClient = new Map<ClientId, Held>()
  readonly #byIp = new Map<Ip4, Held>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  ofClient(client: ClientId): Held | undefined {
    return this.#live(this.#byClient.get(client))
  }

  ofIp(ip: Ip4): Held | undefined {
    return this.#live(this.#byIp.get(ip))
  }

  all(): Held[] {
    return [...this.#byClient.values()].filter((held) => this.#live(held) !== undefined)
  }

  /** A client holds one address: its former one is forgotten. */
  set(held: Held): void {
    const before = this.#byClient.get(held.lease.client)
    if (before !== undefined) this.delete(before)
    this.#byClient.set(held.lease.client, held)
    this.#byIp.set(held.lease.ip, held)
  }

  delete({ lease }: Held): void {
    this.#byClient.delete(lease.client)
    this.#byIp.delete(lease.ip)
  }

  #live(held: Held | undefined): Held | undefined {
    if (held === undefined || held.lease.expiresAt > this.#clock.now()) return held
    this.delete(held)
    return undefined
  }
}
