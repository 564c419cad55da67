/**
 * The join token: everything a machine needs to join, as one word to copy and paste.
 *
 * `wow1` followed by base32 of a checksum, the namespace's secret, its signed record and bootstrap addresses. Anyone
 * who has the token can join: keep it like a password.
 */

import { concat, equal, sha256 } from '../core/bytes.ts'
import { bytes, DecodeError, decode, encode, fixed, list, string, struct } from '../core/codec.ts'
import { InputError, messageOf } from '../core/errors.ts'
import { base32, fromBase32 } from './base32.ts'
import { SECRET_BYTES } from './keys.ts'
import { MAX_RECORD_BYTES, openRecord, type SignedRecord } from './record.ts'

export interface JoinToken {
  readonly secret: Uint8Array
  readonly signed: SignedRecord
  /** Multiaddrs of nodes that let newcomers in; at most `MAX_BOOTSTRAPS`. */
  readonly bootstrap: readonly string[]
}

export const TOKEN_PREFIX = 'wow1'
export const MAX_BOOTSTRAPS = 16

const CHECKSUM_BYTES = 4
const tokenCodec = struct({
  secret: fixed(SECRET_BYTES),
  record: bytes(MAX_RECORD_BYTES),
  bootstrap: list(string(255), MAX_BOOTSTRAPS),
})

export function looksLikeToken(text: string): boolean {
  // An id has 20 characters, a token hundreds; a name may begin with wow1.
  return text.trim().startsWith(TOKEN_PREFIX) && text.trim().length > 60
}

export function formatToken(token: JoinToken): string {
  const { secret, signed, bootstrap } = token
  const payload = encode(tokenCodec, { secret, record: signed.encoded, bootstrap: [...bootstrap] })
  return TOKEN_PREFIX + base32(concat(checksum(payload), payload))
}

/** @throws InputError (`TOKEN_MALFORMED`) that says what is wrong; the token itself is a secret and is not repeated. */
export function parseToken(text: string): JoinToken {
  const word = text.trim()
  if (word === '') throw malformed('it is empty')
  if (!word.startsWith(TOKEN_PREFIX)) throw malformed(`it does not begin with ${TOKEN_PREFIX}`)
  const raw = fromBase32(word.slice(TOKEN_PREFIX.length))
  if (typeof raw === 'number') {
    const place = TOKEN_PREFIX.length + raw
    if (place >= word.length) throw malformed('its end is missing')
    throw malformed(`character ${place + 1} is not one of a-z and 2-7`)
  }
  const payload = raw.subarray(CHECKSUM_BYTES)
  if (raw.length < CHECKSUM_BYTES || !equal(raw.subarray(0, CHECKSUM_BYTES), checksum(payload))) {
    throw malformed('its checksum does not match, so it was cut short or altered')
  }
  try {
    const { secret, record, bootstrap } = decode(tokenCodec, payload)
    return { secret: new Uint8Array(secret), signed: openRecord(record), bootstrap }
  } catch (error) {
    if (error instanceof DecodeError) throw malformed(`its content is broken: ${messageOf(error)}`)
    throw error
  }
}

function checksum(payload: Uint8Array): Uint8Array {
  return sha256(payload).subarray(0, CHECKSUM_BYTES)
}

function malformed(what: string): InputError {
  return new InputError(
    'TOKEN_MALFORMED',
    `The token is malformed: ${what}.`,
    'Copy the whole word again; `wow namespace export NAME` prints it where the namespace is known.',
  )
}
