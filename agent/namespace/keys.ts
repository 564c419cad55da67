/**
 * The keys derived from a namespace's secret.
 *
 * The id is public, the secret is not. Each use has its own key, so no key reveals anything about another. A storing
 * node knows at most the id, so it can neither read nor guess what it stores.
 */

import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import { concat, utf8 } from '../core/bytes.ts'
import type { Random } from '../core/random.ts'

export const SECRET_BYTES = 32
/** Each derived key, bytes. */
export const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const CIPHER = 'aes-256-gcm'

export interface NamespaceKeys {
  /** Public id of the namespace. */
  readonly id: string
  /** Maps the namespace's names (an IP, a role) to DHT keys. */
  readonly naming: Uint8Array
  /** Seals DHT values. */
  readonly sealing: Uint8Array
  /** Proves membership to another member. */
  readonly membership: Uint8Array
  /** Password of entries that every member keeps alive together, such as the namespace's record. */
  readonly shared: Uint8Array
  /** Signs the tokens of the namespace's HTCondor pools. */
  readonly condor: Uint8Array
  /** What a node must have to be linked in the namespace's own ring; see ring-key.ts. */
  readonly ring: Uint8Array
}

export function deriveKeys(id: string, secret: Uint8Array): NamespaceKeys {
  const derive = (use: string) => new Uint8Array(hkdfSync('sha256', secret, utf8(id), utf8(`wow ${use} 1`), KEY_BYTES))
  return {
    id,
    naming: derive('naming'),
    sealing: derive('sealing'),
    membership: derive('membership'),
    shared: derive('shared'),
    condor: derive('condor'),
    ring: derive('ring'),
  }
}

/** AES-256-GCM: nonce, ciphertext, tag. The result is bound to `place`, such as a DHT key, and opens only there. */
export function seal(key: Uint8Array, place: Uint8Array, plain: Uint8Array, random: Pick<Random, 'bytes'>): Uint8Array {
  const nonce = random.bytes(NONCE_BYTES)
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(place)
  return concat(nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag())
}

/** undefined when the bytes were not sealed with this key for this place. */
export function unseal(key: Uint8Array, place: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined
  const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, NONCE_BYTES))
  decipher.setAAD(place)
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES))
  try {
    return concat(decipher.update(sealed.subarray(NONCE_BYTES, sealed.length - TAG_BYTES)), decipher.final())
  } catch {
    return undefined
  }
}
