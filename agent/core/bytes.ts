/** Small helpers for `Uint8Array`, the only byte type in the tree. */

import { createHmac, hash, timingSafeEqual } from 'node:crypto'

const utf8Encoder = new TextEncoder()
/** Strict, and keeps every character: what is read can be written again in as many bytes. */
const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export const EMPTY = new Uint8Array(0)

export function utf8(text: string): Uint8Array {
  return utf8Encoder.encode(text)
}

/** undefined for bytes that are no UTF-8. */
export function fromUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8Decoder.decode(bytes)
  } catch {
    return undefined
  }
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

export function concat(...parts: Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const whole = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** Compares in constant time, so that a password or a proof cannot be guessed byte by byte. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}

export function sha256(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(hash('sha256', parts.length === 1 ? parts[0]! : concat(...parts), 'buffer'))
}

export function hmac(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array {
  const mac = createHmac('sha256', key)
  for (const part of parts) mac.update(part)
  return new Uint8Array(mac.digest())
}
