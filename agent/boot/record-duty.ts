/** A member's duty to its namespace: to keep the record in the DHT, and to tell when the DHT holds another one. */

import type { Phases } from '../control/phases.ts'
import { formatCidr } from '../core/ip.ts'
import type { Log } from '../core/log.ts'
import type { Random } from '../core/random.ts'
import type { Dht } from '../dht/dht.ts'
import { RecordKeeper } from '../namespace/keeper.ts'
import { CronSchedule } from '../namespace/schedule.ts'
import type { OwnNamespace } from './plan.ts'

export interface RecordDutyParts {
  readonly dht: Dht
  readonly namespace: OwnNamespace
  readonly phases: Phases
  readonly random: Random
  readonly log: Log
}

export class RecordDuty {
  readonly keeper: RecordKeeper
  readonly #parts: RecordDutyParts

  constructor(parts: RecordDutyParts) {
    this.#parts = parts
    const { dht, namespace, random, log } = parts
    const schedule = new CronSchedule(random, (error) =>
      log.error('looking after the record failed', { reason: String(error) }),
    )
    this.keeper = new RecordKeeper({ dht, keys: namespace.keys, signed: namespace.token.signed, schedule })
  }

  /** The DHT answers: fetches the namespace's record and keeps it alive. */
  async serve(): Promise<void> {
    const { phases, namespace, log } = this.#parts
    await this.keeper.look()
    this.keeper.start()
    const { signed, state, detail } = this.keeper
    if (state === 'taken' || state === 'unavailable')
      log.warn('the record of the namespace could not be kept', { detail })
    if (!Buffer.from(signed.encoded).equals(namespace.token.signed.encoded)) {
      log.warn('the DHT holds another record of this namespace than the token; import its new token', { id: signed.id })
    }
    const { name, pool } = signed.record
    phases.reach('namespace', { id: signed.id, name, pool: formatCidr(pool), record: state })
  }

  stop(): void {
    this.keeper.stop()
  }
}
