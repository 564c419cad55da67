/**
 * One node of the DHT: it serves its share of the entries and is a client for all others.
 *
 * Operations may be called at any time; they wait until the node is correctly connected.
 */

import { type Clock, every, type Timer } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import type { Vigil } from '../core/vigil.ts'
import { SERVICES } from '../overlay/overlay.ts'
import { Beside, type Surroundings } from './beside.ts'
import { Challenges } from './challenges.ts'
import { DhtClient } from './client.ts'
import { SWEEP_PERIOD_MS } from './constants.ts'
import { type Custodian, Custody, type RingView } from './custody.ts'
import type { Dht, SubKey } from './dht.ts'
import { Direct } from './direct.ts'
import { EntryStore } from './entry-store.ts'
import { Rehoming } from './rehoming.ts'
import { Replica } from './replica.ts'

/** A ring that reports when its neighbours change, to one listener. */
export interface WatchedRing extends RingView, Surroundings {
  onNeighborsChange: () => void
  readonly vigil: Vigil
}

export class DhtNode extends DhtClient implements Dht {
  readonly store: EntryStore
  readonly #custody: Custody
  readonly #replica: Replica
  readonly #rehoming: Rehoming
  readonly #sweeping: Timer

  /** Called each time a segment opens and this node serves its whole share. */
  onReady: () => void = () => {}

  /** `shared`: anybody may join the ring, so some of its nodes may lie. */
  constructor(parts: { ring: WatchedRing; clock: Clock; random: Random; shared?: boolean }) {
    const { ring, clock, random, shared = false } = parts
    super({
      overlay: ring,
      clock,
      random,
      direct: shared ? new Direct({ ring, beside: new Beside(parts) }) : undefined,
    })
    const store = new EntryStore(clock)
    const opened = () => {
      if (this.#custody.open) this.onReady()
    }
    const custody = new Custody({ ring, store, clock, random, opened })
    const replica = new Replica({ ring, custody, store, challenges: new Challenges(parts) })
    this.store = store
    this.#custody = custody
    this.#replica = replica
    ring.serve(SERVICES.dht, (request) => replica.serve(request))
    ring.onNeighborsChange = () => custody.onNeighborsChange()
    ring.vigil.onAbsence(() => custody.doubt())
    custody.onNeighborsChange()
    this.#rehoming = new Rehoming({ ring, store, custody, clock, random })
    this.#sweeping = every(clock, random, SWEEP_PERIOD_MS, () => store.sweep((key) => custody.keeps(key)))
  }

  set onContested(handler: (subKey: SubKey) => void) {
    this.#replica.onContested = handler
  }

  /** This node answers for both arcs beside it. */
  get ready(): boolean {
    return this.#custody.open
  }

  /** This node's role for `key` and its partner; undefined when this node does not answer for `key`, or not now. */
  custodianOf(key: SubKey): Custodian | undefined {
    return this.#custody.custodianOf(key)
  }

  override stop(): void {
    super.stop()
    this.#sweeping.cancel()
    this.#rehoming.stop()
    this.#custody.stop()
  }
}
