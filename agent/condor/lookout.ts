/** Watches who manages the namespace's other pools, for jobs that may go there. */

import { type Clock, every, type Timer } from '../core/clock.ts'
import type { Ip4 } from '../core/ip.ts'
import type { Random } from '../core/random.ts'
import type { Dht } from '../dht/dht.ts'
import type { NamespaceKeys } from '../namespace/keys.ts'
import { holderOf, managerKey } from './manager-entry.ts'

/** How often each pool's manager is looked up, ms; a pool with a new manager takes none of our jobs until then. */
const LOOK_PERIOD_MS = 30_000

export interface LookoutParts {
  readonly dht: Dht
  readonly clock: Clock
  readonly random: Random
  readonly keys: NamespaceKeys
  readonly pools: readonly string[]
  /** Called when another machine manages one of the pools. */
  readonly onChange: () => void
}

export class Lookout {
  readonly #parts: LookoutParts
  readonly #managers = new Map<string, Ip4>()
  #timer: Timer | undefined

  constructor(parts: LookoutParts) {
    this.#parts = parts
  }

  /** The managers in the order of `pools`, without pools whose manager is unknown. */
  get managers(): readonly { readonly pool: string; readonly ip: Ip4 }[] {
    return this.#parts.pools.flatMap((pool) => {
      const ip = this.#managers.get(pool)
      return ip === undefined ? [] : [{ pool, ip }]
    })
  }

  start(): void {
    const { clock, random, pools } = this.#parts
    if (pools.length === 0) return
    const look = () => {
      for (const pool of pools) void this.#look(pool)
    }
    look()
    this.#timer = every(clock, random, LOOK_PERIOD_MS, look)
  }

  stop(): void {
    this.#timer?.cancel()
  }

  async #look(pool: string): Promise<void> {
    const { dht, keys, onChange } = this.#parts
    // Without a majority of answers the known manager stays; the next look is soon.
    const found = await dht.get(managerKey(keys, pool)).catch(() => [])
    const mandate = holderOf(found, keys, pool)?.mandate
    if (mandate === undefined || mandate.term === 0 || this.#managers.get(pool) === mandate.ip) return
    this.#managers.set(pool, mandate.ip)
    onChange()
  }
}
