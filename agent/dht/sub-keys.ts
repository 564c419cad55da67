/** Remapping (paper section 4): one application key becomes `REMAP` sub-keys, spread over the ring by a hash. */

import { sha256 } from '../core/bytes.ts'
import { addressFromBytes } from '../overlay/address.ts'
import { type Key, REMAP, type SubKey } from './dht.ts'

export function subKeysOf(key: Key): SubKey[] {
  return Array.from({ length: REMAP }, (_, i) => addressFromBytes(sha256(key, Uint8Array.of(i))))
}
