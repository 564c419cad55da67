/** Bytes as one word to copy and paste: a prefix that says what it is, then base32 of a checksum and the bytes. */

import { concat, equal, sha256 } from '../core/bytes.ts'
import { base32, fromBase32 } from './base32.ts'

const CHECKSUM_BYTES = 4

export function formatWord(prefix: string, payload: Uint8Array): string {
  return prefix + base32(concat(checksum(payload), payload))
}

/** The payload; or, as the end of a sentence, what is wrong with the word. The word is a secret and is not repeated. */
export function parseWord(prefix: string, text: string): Uint8Array | string {
  const word = text.trim()
  if (word === '') return 'it is empty'
  if (!word.startsWith(prefix)) return `it does not begin with ${prefix}`
  const raw = fromBase32(word.slice(prefix.length))
  if (typeof raw === 'number') {
    const place = prefix.length + raw
    if (place >= word.length) return 'its end is missing'
    return `character ${place + 1} is not one of a-z and 2-7`
  }
  const payload = raw.subarray(CHECKSUM_BYTES)
  if (raw.length < CHECKSUM_BYTES || !equal(raw.subarray(0, CHECKSUM_BYTES), checksum(payload))) {
    return 'its checksum does not match, so it was cut short or altered'
  }
  return payload
}

function checksum(payload: Uint8Array): Uint8Array {
  return sha256(payload).subarray(0, CHECKSUM_BYTES)
}
