/** ChaCha20-Poly1305 (RFC 8439) with the nonces of Noise: 32 zero bits, and a counter of 64 bits, little-endian. */

import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'

export const KEY_BYTES = 32
export const TAG_BYTES = 16

const ALGORITHM = 'chacha20-poly1305'
const OPTIONS = { authTagLength: TAG_BYTES } as const

/** Shared by all callers: sealing and opening are synchronous. */
const nonce = new DataView(new ArrayBuffer(12))
const nonceBytes = new Uint8Array(nonce.buffer)

export function aeadKey(bytes: Uint8Array): KeyObject {
  return createSecretKey(bytes)
}

/**
 * Seals `plaintext` into `into` from `at` on: as many bytes, and a tag of 16.
 *
 * @param counter under 2^53, never the same twice under one key
 */
export function sealInto(
  into: Uint8Array,
  at: number,
  key: KeyObject,
  counter: number,
  head: Uint8Array,
  plaintext: Uint8Array,
): void {
  const cipher = createCipheriv(ALGORITHM, key, nonceOf(counter), OPTIONS)
  cipher.setAAD(head, { plaintextLength: plaintext.length })
  into.set(cipher.update(plaintext), at)
  cipher.final()
  into.set(cipher.getAuthTag(), at + plaintext.length)
}

/** undefined when `sealed` was not sealed so under this key. */
export function open(key: KeyObject, counter: number, head: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  const length = sealed.length - TAG_BYTES
  if (length < 0) return undefined
  const decipher = createDecipheriv(ALGORITHM, key, nonceOf(counter), OPTIONS)
  decipher.setAAD(head, { plaintextLength: length })
  decipher.setAuthTag(sealed.subarray(length))
  const plaintext = decipher.update(sealed.subarray(0, length))
  try {
    decipher.final()
  } catch {
    return undefined
  }
  return new Uint8Array(plaintext.buffer, plaintext.byteOffset, plaintext.length)
}

function nonceOf(counter: number): Uint8Array {
  nonce.setUint32(4, counter % 2 ** 32, true)
  nonce.setUint32(8, Math.floor(counter / 2 ** 32), true)
  return nonceBytes
}
