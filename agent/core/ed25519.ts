/** Ed25519 (RFC 8032) on raw bytes: seeds and public keys of 32 bytes, signatures of 64. */

import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'

export const SEED_BYTES = 32
export const PUBLIC_KEY_BYTES = 32
export const SIGNATURE_BYTES = 64

export interface KeyPair {
  readonly publicKey: Uint8Array
  sign(message: Uint8Array): Uint8Array
}

/** A JWK must contain a public key `x`, but Node reads only the seed of a private one: this placeholder stands in. */
const UNKNOWN_X = text(new Uint8Array(PUBLIC_KEY_BYTES))

export function keyPairOf(seed: Uint8Array): KeyPair {
  const key = createPrivateKey({ key: { kty: 'OKP', crv: 'Ed25519', d: text(seed), x: UNKNOWN_X }, format: 'jwk' })
  const publicKey = new Uint8Array(Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url'))
  return { publicKey, sign: (message) => new Uint8Array(sign(null, message, key)) }
}

/** False, never an error, when `publicKey` is not a key or `signature` is not its signature of `message`. */
export function verifies(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== PUBLIC_KEY_BYTES) return false
  return verify(null, message, publicKeyOf(publicKey), signature)
}

function publicKeyOf(publicKey: Uint8Array): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: text(publicKey) }, format: 'jwk' })
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url')
}
