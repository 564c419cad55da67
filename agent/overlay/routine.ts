/** A node's periodic work: it repeats its status, tidies its links, and looks for lost neighbours and its own place. */

import { type Clock, every, type Timer } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import type { Vigil } from '../core/vigil.ts'
import type { Connectivity } from './connectivity.ts'
import { FAR_PERIOD_MS, STATUS_PERIOD_MS } from './constants.ts'
import type { FarLinks } from './far-links.ts'
import type { LinkUpkeep } from './link-upkeep.ts'
import type { Liveness } from './liveness.ts'
import type { LostNeighbors } from './lost-neighbors.ts'
import type { NearLinks } from './near-links.ts'
import type { SelfLookup } from './self-lookup.ts'
import type { StatusExchange } from './status-exchange.ts'

export interface RoutineParts {
  readonly vigil: Pick<Vigil, 'onBeat'>
  readonly clock: Clock
  readonly random: Random
  readonly near: NearLinks
  readonly far: FarLinks
  readonly connectivity: Connectivity
  readonly statuses: StatusExchange
  readonly upkeep: LinkUpkeep
  readonly liveness: Liveness
  readonly lost: LostNeighbors
  readonly selfLookup: SelfLookup
}

export class Routine {
  readonly #parts: RoutineParts
  #timers: readonly Timer[] = []

  constructor(parts: RoutineParts) {
    this.#parts = parts
    parts.vigil.onBeat(() => this.#beat())
  }

  start(): void {
    const { clock, random, statuses, liveness, selfLookup } = this.#parts
    this.#timers = [
      every(clock, random, STATUS_PERIOD_MS, () => statuses.repeat()),
      every(clock, random, FAR_PERIOD_MS, () => this.#tidy()),
    ]
    selfLookup.start()
    liveness.start()
  }

  stop(): void {
    this.#parts.selfLookup.stop()
    for (const timer of this.#timers) timer.cancel()
  }

  /** Adjusts the number of far links to the ring's size. */
  balance(): void {
    const { far, near } = this.#parts
    void far.balance(near.estimatedSize, (address) => near.isNear(address))
  }

  #beat(): void {
    const { liveness, lost, selfLookup } = this.#parts
    liveness.check()
    lost.retry()
    selfLookup.seek()
  }

  #tidy(): void {
    const { upkeep, near, statuses, connectivity } = this.#parts
    upkeep.tidy()
    near.evaluate()
    statuses.spread()
    if (connectivity.correct) this.balance()
  }
}
