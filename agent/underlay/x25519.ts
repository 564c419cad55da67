/** X25519 (RFC 7748) on raw bytes: secrets, public keys and shared secrets of 32 bytes. */

import { createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto'

export const DH_BYTES = 32

export interface DhKeyPair {
  readonly publicKey: Uint8Array
  /** The secret shared with the owner of `publicKey`; undefined when that key gives a secret that all know (section 6.1). */
  sharedWith(publicKey: Uint8Array): Uint8Array | undefined
}

/** A JWK must contain a public key `x`, but Node reads only the secret of a private one: this placeholder stands in. */
const UNKNOWN_X = text(new Uint8Array(DH_BYTES))

export function dhKeyPairOf(secret: Uint8Array): DhKeyPair {
  const key = createPrivateKey({ key: { kty: 'OKP', crv: 'X25519', d: text(secret), x: UNKNOWN_X }, format: 'jwk' })
  return {
    publicKey: new Uint8Array(Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url')),
    sharedWith: (publicKey) => {
      try {
        const other = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x: text(publicKey) }, format: 'jwk' })
        return diffieHellman({ privateKey: key, publicKey: other })
      } catch {
        return undefined
      }
    },
  }
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url')
}
