/**
 * A namespace record's entry in the DHT: found by the public id, sealed for members.
 *
 * All members write the same bytes, so their copies count as one value and every re-creation is idempotent.
 */

import { hmac, sha256, utf8 } from '../core/bytes.ts'
import { DecodeError } from '../core/codec.ts'
import type { Key } from '../dht/dht.ts'
import { type NamespaceKeys, seal, unseal } from './keys.ts'
import { openRecord, type SignedRecord } from './record.ts'

/** Derived from the id alone: two namespaces that drew the same id collide here (paper section 5.1). */
export function recordKey(id: string): Key {
  return sha256(utf8(`wow namespace ${id}`))
}

export function sealRecord(keys: NamespaceKeys, signed: SignedRecord): Uint8Array {
  // A nonce derived from the record repeats only for the same record, which then seals to the same bytes.
  const nonce = hmac(keys.sealing, utf8('record nonce'), signed.encoded)
  return seal(keys.sealing, recordKey(keys.id), signed.encoded, { bytes: (length) => nonce.subarray(0, length) })
}

/** undefined when no member wrote the value, or it is not a valid record of this namespace. */
export function unsealRecord(keys: NamespaceKeys, value: Uint8Array): SignedRecord | undefined {
  const encoded = unseal(keys.sealing, recordKey(keys.id), value)
  if (encoded === undefined) return undefined
  try {
    const signed = openRecord(encoded)
    return signed.id === keys.id ? signed : undefined
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}
