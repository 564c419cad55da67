/**
 * A lease's entry in the DHT: the key hides namespace and IP, the value is sealed for members.
 *
 * The claimer writes the entry, the resolver reads it ("Brunet-ARP", paper section 5.3).
 */

import { hmac, utf8 } from '../core/bytes.ts'
import { DecodeError, decode, encode, struct } from '../core/codec.ts'
import { type Ip4, ip4Bytes } from '../core/ip.ts'
import type { Random } from '../core/random.ts'
import type { Key } from '../dht/dht.ts'
import { type NamespaceKeys, seal, unseal } from '../namespace/keys.ts'
import { type Address, addressCodec } from '../overlay/address.ts'

const ownerCodec = struct({ node: addressCodec })

export function leaseKey(keys: NamespaceKeys, ip: Ip4): Key {
  return hmac(keys.naming, utf8('lease'), ip4Bytes(ip))
}

export function sealOwner(keys: NamespaceKeys, ip: Ip4, node: Address, random: Random): Uint8Array {
  return seal(keys.sealing, leaseKey(keys, ip), encode(ownerCodec, { node }), random)
}

/** The node that holds `ip`; undefined when no member wrote the value for `ip`. */
export function openOwner(keys: NamespaceKeys, ip: Ip4, value: Uint8Array): Address | undefined {
  const plain = unseal(keys.sealing, leaseKey(keys, ip), value)
  if (plain === undefined) return undefined
  try {
    return decode(ownerCodec, plain).node
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}
