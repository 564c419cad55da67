/**
 * The DHT entries of a pool's manager and of its last term: the keys hide namespace and pool, the values are sealed for
 * members.
 *
 * A namespace has one pool unless its members ask for more; a pool is identified by its name.
 */

import { hmac, utf8 } from '../core/bytes.ts'
import { type Codec, type Decoded, DecodeError, decode, encode, struct, u32, u48 } from '../core/codec.ts'
import type { Ip4 } from '../core/ip.ts'
import type { Random } from '../core/random.ts'
import { type Found, type Key, MAJORITY } from '../dht/dht.ts'
import { type NamespaceKeys, seal, unseal } from '../namespace/keys.ts'
import { type Address, addressCodec } from '../overlay/address.ts'

const managerCodec = struct({
  /** 0: this node holds the role but has no term yet. */
  term: u48,
  ip: u32,
  node: addressCodec,
  /** The pool's size when the manager last counted it. */
  hosts: u32,
  slots: u32,
  /** The manager's wall clock when it wrote this, seconds since 1970: shows others a wrong clock, decides nothing. */
  wallS: u48,
})

/** The pool's manager, as it describes itself. */
export type Mandate = Omit<Decoded<typeof managerCodec>, 'ip'> & { readonly ip: Ip4 }

const termCodec = struct({ term: u48, node: addressCodec })

/** A term and the node that held it. */
export type Term = Decoded<typeof termCodec>

export function managerKey(keys: NamespaceKeys, pool: string): Key {
  return hmac(keys.naming, utf8('condor manager '), utf8(pool))
}

export function termKey(keys: NamespaceKeys, pool: string): Key {
  return hmac(keys.naming, utf8('condor term '), utf8(pool))
}

export function sealMandate(keys: NamespaceKeys, pool: string, mandate: Mandate, random: Random): Uint8Array {
  return seal(keys.sealing, managerKey(keys, pool), encode(managerCodec, mandate), random)
}

/** undefined when no member wrote the value for this pool. */
export function openMandate(keys: NamespaceKeys, pool: string, value: Uint8Array): Mandate | undefined {
  return open(managerCodec, keys, managerKey(keys, pool), value) as Mandate | undefined
}

export function sealTerm(keys: NamespaceKeys, pool: string, term: Term, random: Random): Uint8Array {
  return seal(keys.sealing, termKey(keys, pool), encode(termCodec, term), random)
}

/** undefined when no member wrote the value for this pool. */
export function openTerm(keys: NamespaceKeys, pool: string, value: Uint8Array): Term | undefined {
  return open(termCodec, keys, termKey(keys, pool), value)
}

function open<T>(codec: Codec<T>, keys: NamespaceKeys, key: Key, value: Uint8Array): T | undefined {
  const plain = unseal(keys.sealing, key, value)
  if (plain === undefined) return undefined
  try {
    return decode(codec, plain)
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}

/** The node that holds the role by a majority, and for how long, ms. `mandate` undefined: no member wrote the value. */
export interface Holder {
  readonly mandate: Mandate | undefined
  readonly ttlMs: number
}

/** undefined: no node has a majority. While a manager renews, its sub-keys hold two of its values: both count. */
export function holderOf(found: readonly Found[], keys: NamespaceKeys, pool: string): Holder | undefined {
  const byNode = new Map<Address | undefined, { votes: number; holder: Holder }>()
  for (const { value, votes, ttlMs } of found) {
    const mandate = openMandate(keys, pool, value)
    const before = byNode.get(mandate?.node)
    const newest = (before?.holder.mandate?.term ?? 0) > (mandate?.term ?? 0) ? before?.holder.mandate : mandate
    byNode.set(mandate?.node, {
      votes: votes + (before?.votes ?? 0),
      holder: { mandate: newest, ttlMs: Math.max(ttlMs, before?.holder.ttlMs ?? 0) },
    })
  }
  return [...byNode.values()].find(({ votes }) => votes >= MAJORITY)?.holder
}
