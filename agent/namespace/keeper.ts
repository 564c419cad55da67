/**
 * Keeps a namespace's record in the DHT while any member runs (paper section 5.1: "periodically recreated").
 *
 * Every member looks every half hour and re-creates the record once half of its lifetime has passed; the first one to
 * look saves the others the work. A failure here never fails the agent: its token carries the record too.
 */

import { messageOf } from '../core/errors.ts'
import { CLAIM_TTL_MS } from '../dht/constants.ts'
import type { Dht, Outcome } from '../dht/dht.ts'
import type { NamespaceKeys } from './keys.ts'
import type { SignedRecord } from './record.ts'
import { recordKey, sealRecord, unsealRecord } from './record-entry.ts'
import type { Schedule, Scheduled } from './schedule.ts'

/** How long the record lives after its last re-creation, ms. */
export const RECORD_TTL_MS = 6 * 3600 * 1000
const LOOK_MINUTES = 30
/** Applies while the DHT gives no majority, as when a machine has just joined a small ring. */
const LOOK_AGAIN_MINUTES = 1

/** What the last look found. `unavailable`: the DHT gave no majority; the next look, within a minute, tries again. */
export type RecordState = 'unknown' | 'alive' | 'recreated' | 'created' | 'taken' | 'unavailable'

export interface KeeperParts {
  readonly dht: Dht
  readonly keys: NamespaceKeys
  /** The record that the token carried. */
  readonly signed: SignedRecord
  readonly schedule: Schedule
}

export class RecordKeeper {
  readonly #parts: KeeperParts
  #signed: SignedRecord
  #state: RecordState = 'unknown'
  #detail = ''
  #scheduled: readonly Scheduled[] = []

  constructor(parts: KeeperParts) {
    this.#parts = parts
    this.#signed = parts.signed
  }

  /** The record in force: the DHT's if it holds a valid one, else the token's. */
  get signed(): SignedRecord {
    return this.#signed
  }

  get state(): RecordState {
    return this.#state
  }

  /** What went wrong in the last look, in words; empty when nothing did. */
  get detail(): string {
    return this.#detail
  }

  /** Starts the periodic looks; the caller makes the first one with `look`. */
  start(): void {
    if (this.#scheduled.length > 0) return
    const { schedule } = this.#parts
    this.#scheduled = [
      schedule.everyMinutes(LOOK_MINUTES, () => this.look()),
      schedule.everyMinutes(LOOK_AGAIN_MINUTES, async () => {
        if (this.#state === 'unavailable') await this.look()
      }),
    ]
  }

  stop(): void {
    for (const scheduled of this.#scheduled) scheduled.stop()
  }

  /** Fetches and verifies the record, re-creates it if needed. Never throws: `state` and `detail` give the result. */
  async look(): Promise<void> {
    this.#detail = ''
    try {
      this.#state = await this.#keepAlive()
    } catch (error) {
      this.#state = 'unavailable'
      this.#detail = messageOf(error)
    }
  }

  async #keepAlive(): Promise<RecordState> {
    const { dht, keys } = this.#parts
    const key = recordKey(keys.id)
    for (const found of await dht.get(key)) {
      const signed = unsealRecord(keys, found.value)
      if (signed === undefined) continue
      this.#signed = signed
      if (found.majority && found.ttlMs > RECORD_TTL_MS / 2) return 'alive'
      const value = sealRecord(keys, signed)
      const outcome = await dht.recreate(key, keys.shared, keys.shared, value, RECORD_TTL_MS)
      return this.#judge(outcome, 'recreated')
    }
    return this.#judge(await createRecord(dht, keys, this.#signed), 'created')
  }

  #judge(outcome: { won: boolean; lost: boolean }, success: RecordState): RecordState {
    if (outcome.won) return success
    this.#detail = outcome.lost ? 'its place in the DHT is held by somebody else' : 'too few replicas answered'
    return outcome.lost ? 'taken' : 'unavailable'
  }
}

/** Claims the record's place, then fills it for its whole time: whoever asks for it may stop this node right after. */
export async function createRecord(dht: Dht, keys: NamespaceKeys, signed: SignedRecord): Promise<Outcome> {
  const [key, value] = [recordKey(keys.id), sealRecord(keys, signed)]
  const claim = await dht.create(key, keys.shared, value, CLAIM_TTL_MS)
  return claim.won ? dht.recreate(key, keys.shared, keys.shared, value, RECORD_TTL_MS) : claim
}
