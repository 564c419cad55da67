/**
 * What the manager of a pool and the pool's last term look like in the DHT: the keys hide namespace and pool, the values
 * are sealed for members.
 *
 * A namespace has one pool unless its members ask for more; a pool is known by its name.
 */

import { hmac, utf8 } from '../core/bytes.ts'
import { type Codec, type Decoded, DecodeError, decode, encode, struct, u32, u48 } from '../core/codec.ts'
import type { Ip4 } from '../core/ip.ts'
import type { Random } from '../core/random.ts'
import { type Found, type Key, MAJORITY } from '../dht/dht.ts'
import { type NamespaceKeys, seal, unseal } from '../namespace/keys.ts'
import { type Address, addressCodec } from '../overlay/address.ts'

const managerCodec = struct({
  /** 0: this node holds the role and still asks for its term. */
  term: u48,
  ip: u32,
  node: addressCodec,
  /** Size of the pool, as the manager counted it last. */
  hosts: u32,
  slots: u32,
  /** The manager's wall clock when it wrote this, seconds since 1970: tells others that a clock is wrong, decides nothing. */
  wallS: u48,
})

/** Who leads the pool, by its own word. */
export type Mandate = Omit<Decoded<typeof managerCodec>, 'ip'> & { readonly ip: Ip4 }

const termCodec = struct({ term: u48, node: addressCodec })

/** A term and who held it. */
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

/** undefined when the value was not written for this pool by a member. */
export function openMandate(keys: NamespaceKeys, pool: string, value: Uint8Array): Mandate | undefined {
  return open(managerCodec, keys, managerKey(keys, pool), value) as Mandate | undefined
}

export function sealTerm(keys: NamespaceKeys, pool: string, term: Term, random: Random): Uint8Array {
  return seal(keys.sealing, termKey(keys, pool), encode(termCodec, term), random)
}

/** undefined when the value was not written for this pool by a member. */
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

/** Who holds the role by a majority, and how long still, ms. `mandate` undefined: something that no member wrote. */
export interface Holder {
  readonly mandate: Mandate | undefined
  readonly ttlMs: number
}

/** While a manager renews, its sub-keys hold two of its values: they count together. undefined: nobody has a majority. */
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
