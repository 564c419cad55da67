/**
 * What a namespace's record looks like in the DHT: found by the public id, sealed for members.
 *
 * All members write the same bytes, so that their copies count as one value and keeping it alive together is idempotent.
 */

import { hmac, sha256, utf8 } from '../core/bytes.ts'
import { DecodeError } from '../core/codec.ts'
import type { Key } from '../dht/dht.ts'
import { type NamespaceKeys, seal, unseal } from './keys.ts'
import { openRecord, type SignedRecord } from './record.ts'

/** From the id alone: two namespaces that drew one id meet here (paper section 5.1). */
export function recordKey(id: string): Key {
  return sha256(utf8(`wow namespace ${id}`))
}

export function sealRecord(keys: NamespaceKeys, signed: SignedRecord): Uint8Array {
  // A nonce drawn from the record itself repeats only for the very same record, which then seals to the very same bytes.
  const nonce = hmac(keys.sealing, utf8('record nonce'), signed.encoded)
  return seal(keys.sealing, recordKey(keys.id), signed.encoded, { bytes: (length) => nonce.subarray(0, length) })
}

/** undefined when the value was not written by a member, or is no valid record of this namespace. */
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
