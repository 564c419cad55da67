/** A lease manager whose DHT is a stand-in that answers as a test says. */

import type { Clock } from '../../agent/core/clock.ts'
import { type Mac, parseCidr } from '../../agent/core/ip.ts'
import { SILENT } from '../../agent/core/log.ts'
import { Vigil } from '../../agent/core/vigil.ts'
import type { Dht, Outcome } from '../../agent/dht/dht.ts'
import type { ClientId } from '../../agent/lease/lease.ts'
import { LeaseManager } from '../../agent/lease/lease-manager.ts'
import { deriveKeys } from '../../agent/namespace/keys.ts'
import { toAddress } from '../../agent/overlay/address.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'

export const CLIENT = 'hw:020000000009' as ClientId
export const MAC = '02:00:00:00:00:09' as Mac
export const WON: Outcome = { votes: ['ok', 'ok', 'ok', 'ok', 'ok'], accepted: 5, won: true, lost: false }

/** Two of five replicas accepted, and the others did not answer. */
export const UNCLEAR: Outcome = {
  votes: ['ok', 'ok', 'no-answer', 'no-answer', 'no-answer'],
  accepted: 2,
  won: false,
  lost: false,
}

/** `answer` is called with the operation and its key. */
export function leasesOver(clock: Clock, answer: (operation: string, key: Uint8Array) => Promise<Outcome>) {
  const dht = new Proxy({} as Dht, { get: (_, name) => (key: Uint8Array) => answer(String(name), key) })
  const vigil = new Vigil(clock)
  const pool = parseCidr('10.9.0.0/24')!
  const leases = new LeaseManager({
    ...{ dht, clock, vigil, pool, random: new SeededRandom(3), log: SILENT },
    keys: deriveKeys('sim', new Uint8Array(32)),
    self: toAddress(1n),
    reserved: [],
    leaseMs: 12 * 3_600_000,
    store: { load: () => [], save: () => {} },
  })
  return { leases, vigil, pool }
}
