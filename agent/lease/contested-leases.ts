/**
 * Leases in doubt: a node says that a lease gave way to another. The node may be a replica, or a stranger that lies.
 *
 * Guarantees: the DHT is asked after every doubt, even one that comes while it is being asked; it is asked about one
 * address at most once in `PAUSE_MS`, however often strangers raise a doubt.
 */

import { type Clock, sleep } from '../core/clock.ts'
import type { Ip4 } from '../core/ip.ts'
import type { SubKey } from '../dht/dht.ts'
import { subKeysOf } from '../dht/sub-keys.ts'
import type { NamespaceKeys } from '../namespace/keys.ts'
import { leaseKey } from './lease-entry.ts'

/** Pause between two questions about one address, ms. */
const PAUSE_MS = 1_000

export class ContestedLeases {
  readonly #clock: Clock
  readonly #keys: NamespaceKeys
  readonly #ask: (ip: Ip4) => Promise<void>
  /** Addresses that the DHT is being asked about; `again`: another doubt came since. */
  readonly #asking = new Map<Ip4, { again: boolean }>()
  /** Cache of the sub-keys of held addresses: strangers can raise doubts as often as they like. */
  readonly #subKeys = new Map<Ip4, readonly SubKey[]>()

  constructor(parts: { clock: Clock; keys: NamespaceKeys; ask: (ip: Ip4) => Promise<void> }) {
    this.#clock = parts.clock
    this.#keys = parts.keys
    this.#ask = parts.ask
  }

  /** A node says that one of `held` lost this sub-key. */
  onContested(subKey: SubKey, held: readonly Ip4[]): void {
    if (this.#subKeys.size > 2 * held.length) this.#subKeys.clear()
    for (const ip of held) if (this.#subKeysOf(ip).includes(subKey)) void this.raise(ip)
  }

  /** Asks the DHT about `ip`. Resolves after the first question, or at once if one is already under way. */
  raise(ip: Ip4): Promise<void> {
    const running = this.#asking.get(ip)
    if (running !== undefined) {
      running.again = true
      return Promise.resolve()
    }
    const state = { again: false }
    this.#asking.set(ip, state)
    const first = this.#ask(ip)
    void this.#settle(ip, state, first)
    return first
  }

  async #settle(ip: Ip4, state: { again: boolean }, first: Promise<void>): Promise<void> {
    await first
    await sleep(this.#clock, PAUSE_MS)
    while (state.again) {
      state.again = false
      await this.#ask(ip)
      await sleep(this.#clock, PAUSE_MS)
    }
    this.#asking.delete(ip)
  }

  #subKeysOf(ip: Ip4): readonly SubKey[] {
    const subKeys = this.#subKeys.get(ip) ?? subKeysOf(leaseKey(this.#keys, ip))
    this.#subKeys.set(ip, subKeys)
    return subKeys
  }
}
