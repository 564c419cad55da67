/** Remapping (paper section 4): a hash spreads one application key over the ring as `REMAP` sub-keys. */

import { sha256 } from '../core/bytes.ts'
import { addressFromBytes } from '../overlay/address.ts'
import { type Key, REMAP, type SubKey } from './dht.ts'

export function subKeyOf(key: Key, place: number): SubKey {
  return addressFromBytes(sha256(key, Uint8Array.of(place)))
}

export function subKeysOf(key: Key): SubKey[] {
  return Array.from({ length: REMAP }, (_, place) => subKeyOf(key, place))
}
