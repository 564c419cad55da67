/**
 * The ring key as text. Who has it may be a node of the namespace's own ring: carry requests, store sealed entries and
 * relay. It opens nothing of the namespace and does not make a member.
 */

import { InputError } from '../core/errors.ts'
import { KEY_BYTES } from './keys.ts'
import { formatWord, parseWord } from './word.ts'

export const RING_KEY_PREFIX = 'wowring1'

export function formatRingKey(key: Uint8Array): string {
  return formatWord(RING_KEY_PREFIX, key)
}

/** @throws InputError (`RING_KEY_MALFORMED`) that says what is wrong; the key itself is not repeated. */
export function parseRingKey(text: string): Uint8Array {
  const payload = parseWord(RING_KEY_PREFIX, text)
  if (typeof payload === 'string') throw malformed(payload)
  if (payload.length !== KEY_BYTES) throw malformed(`it holds ${payload.length} bytes`)
  return new Uint8Array(payload)
}

function malformed(what: string): InputError {
  return new InputError(
    'RING_KEY_MALFORMED',
    `The ring key is malformed: ${what}.`,
    'Copy the whole word again; `wow namespace ring-key NAME` prints it where the namespace is known.',
  )
}
