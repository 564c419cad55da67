/** Measures the CPU time that a node spends on handing its entries over, page by page. */

import { sha256, utf8 } from '../../agent/core/bytes.ts'
import { encode } from '../../agent/core/codec.ts'
import { PAGE_ENTRIES } from '../../agent/dht/constants.ts'
import type { SubKey } from '../../agent/dht/dht.ts'
import { EntryStore } from '../../agent/dht/entry-store.ts'
import { pageCodec } from '../../agent/dht/messages.ts'
import { holderOf, type Proven, prove, signChange } from '../../agent/dht/proof.ts'
import { subKeyOf } from '../../agent/dht/sub-keys.ts'
import { toAddress } from '../../agent/overlay/address.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'

const VALUE_BYTES = 60
const TTL_MS = 3_600_000
/** Who brought and who published the entries: more than the quotas ask for. */
const LINKS = 8
const PUBLISHERS = 9_000
const HERE = toAddress(0n)

/** Signed changes, as clients make them, each for another key. */
export function changesOf(count: number): Proven[] {
  return Array.from({ length: count }, (_, i) => {
    const key = sha256(utf8(`key ${i}`))
    const statement = { key, serial: 1, value: new Uint8Array(VALUE_BYTES), ttlMs: TTL_MS }
    const publisher = toAddress(BigInt(i % PUBLISHERS))
    const change = signChange({ kind: 'create', ...statement, publisher }, holderOf(key, utf8('password')))
    return prove(0, change)!
  })
}

/** CPU time of one handover of `changes`, ms: the giver's pages, encoded for the line. */
export function measureHandover(changes: readonly Proven[]): number {
  const clock = new VirtualClock()
  const store = new EntryStore(clock)
  for (const [i, change] of changes.entries()) store.apply(change, toAddress(BigInt(i % LINKS)), clock.now())
  if (store.size !== changes.length) throw new Error(`${store.size} of ${changes.length} entries were taken`)
  const before = process.cpuUsage()
  let cursor: SubKey | undefined
  for (;;) {
    const { entries, last } = store.page(HERE, HERE, cursor, PAGE_ENTRIES)
    encode(pageCodec, { whole: true, extent: HERE, entries, last })
    const final = entries.at(-1)
    if (last || final === undefined) break
    cursor = subKeyOf(final.change.statement.key, final.place)
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}
