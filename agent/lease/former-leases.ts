/**
 * What is remembered of each client across a restart: its last address, and the password that may still hold it.
 *
 * Guarantees: a disk that takes nothing (full, read-only, broken) stops no lease. What could not be saved is saved later;
 * a restart before that finds what was saved last, so a client may get another address.
 */

import type { Clock, Timer } from '../core/clock.ts'
import { codeOf, messageOf } from '../core/errors.ts'
import type { Ip4 } from '../core/ip.ts'
import type { Log } from '../core/log.ts'
import type { ClientId } from './lease.ts'
import type { LeaseStore, StoredLease } from './lease-store.ts'

/** Pause before what could not be saved is tried again, ms: a full disk is soon noticed, and a try costs little. */
const SAVE_AGAIN_MS = 10_000

export class FormerLeases {
  readonly #store: LeaseStore
  readonly #clock: Clock
  readonly #log: Log
  readonly #byClient = new Map<ClientId, StoredLease>()
  /** Runs while the disk has not taken the last change. */
  #again: Timer | undefined

  constructor({ store, clock, log }: { store: LeaseStore; clock: Clock; log: Log }) {
    this.#store = store
    this.#clock = clock
    this.#log = log
    for (const stored of store.load()) this.#byClient.set(stored.client, stored)
  }

  of(client: ClientId): StoredLease | undefined {
    return this.#byClient.get(client)
  }

  set(stored: StoredLease): void {
    this.#byClient.set(stored.client, stored)
    this.#save()
  }

  /** The client can no longer have `ip`. */
  forget(client: ClientId, ip: Ip4): void {
    if (this.#byClient.get(client)?.ip !== ip) return
    this.#byClient.delete(client)
    this.#save()
  }

  #save(): void {
    const failedBefore = this.#again !== undefined
    this.#again?.cancel()
    this.#again = undefined
    try {
      this.#store.save([...this.#byClient.values()])
      if (failedBefore) this.#log.info('the leases are saved again')
    } catch (error) {
      if (codeOf(error) === undefined) throw error
      if (!failedBefore) this.#log.warn('the leases could not be saved', { reason: messageOf(error) })
      this.#again = this.#clock.after(SAVE_AGAIN_MS, () => this.#save())
    }
  }
}
