/**
 * The join token: everything a machine needs to join, as one word (word.ts).
 *
 * It holds the namespace's secret, its signed record and bootstrap addresses. Anyone who has the token can join: keep
 * it like a password.
 */

import { bytes, DecodeError, decode, encode, fixed, list, string, struct } from '../core/codec.ts'
import { InputError, messageOf } from '../core/errors.ts'
import { SECRET_BYTES } from './keys.ts'
import { MAX_RECORD_BYTES, openRecord, type SignedRecord } from './record.ts'
import { formatWord, parseWord } from './word.ts'

export interface JoinToken {
  readonly secret: Uint8Array
  readonly signed: SignedRecord
  /** Multiaddrs of nodes that let newcomers in; at most `MAX_BOOTSTRAPS`. */
  readonly bootstrap: readonly string[]
}

export const TOKEN_PREFIX = 'wow1'
export const MAX_BOOTSTRAPS = 16

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
  return formatWord(TOKEN_PREFIX, payload)
}

/** @throws InputError (`TOKEN_MALFORMED`) that says what is wrong; the token itself is a secret and is not repeated. */
export function parseToken(text: string): JoinToken {
  const payload = parseWord(TOKEN_PREFIX, text)
  if (typeof payload === 'string') throw malformed(payload)
  try {
    const { secret, record, bootstrap } = decode(tokenCodec, payload)
    return { secret: new Uint8Array(secret), signed: openRecord(record), bootstrap }
  } catch (error) {
    if (error instanceof DecodeError) throw malformed(`its content is broken: ${messageOf(error)}`)
    throw error
  }
}

function malformed(what: string): InputError {
  return new InputError(
    'TOKEN_MALFORMED',
    `The token is malformed: ${what}.`,
    'Copy the whole word again; `wow namespace export NAME` prints it where the namespace is known.',
  )
}
