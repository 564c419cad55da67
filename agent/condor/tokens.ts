/**
 * HTCondor's IDTOKENS, made without HTCondor: a password that every member derives from the namespace's secret, and
 * tokens signed with it.
 *
 * A token is the same at any time on any machine: it has no expiry and an issue time long past, because desktop clocks
 * cannot be trusted.
 */

import { createHmac, hkdfSync } from 'node:crypto'
import { hex, hmac, utf8 } from '../core/bytes.ts'
import type { NamespaceKeys } from '../namespace/keys.ts'

/** HTCondor scrambles passwords on disk with this: it hides them from a glance, not from a thief. */
const SCRAMBLE = [0xde, 0xad, 0xbe, 0xef]
/** Long ago on every clock, seconds since 1970. */
const ISSUED_AT_S = 1

/** The pool key's password: hexadecimal, because HTCondor ends a password at the first zero byte. */
function poolPassword(keys: NamespaceKeys): Uint8Array {
  return utf8(hex(keys.condor))
}

/** The content of `passwords.d/POOL`. */
export function poolKeyFile(keys: NamespaceKeys): Uint8Array {
  return poolPassword(keys).map((byte, i) => byte ^ (SCRAMBLE[i % SCRAMBLE.length] ?? 0))
}

export interface TokenWish {
  readonly keys: NamespaceKeys
  readonly trustDomain: string
  /** `condor@<domain>` for daemons, `<user>@<domain>` for users. */
  readonly subject: string
  /** Such as `condor:/READ`; undefined: all that the subject may do. */
  readonly scope?: string
}

/** One line of a file in `tokens.d`. */
export function mintToken({ keys, trustDomain, subject, scope }: TokenWish): string {
  const password = Buffer.from(poolPassword(keys))
  // HTCondor derives the key named POOL from its password, doubled (condor_utils/token_utils.cpp).
  const key = Buffer.from(hkdfSync('sha256', Buffer.concat([password, password]), 'htcondor', 'master jwt', 32))
  const id = hex(hmac(keys.condor, utf8(`token ${subject} ${scope ?? ''}`))).slice(0, 32)
  const head = base64url({ alg: 'HS256', kid: 'POOL' })
  const claims = {
    iat: ISSUED_AT_S,
    iss: trustDomain,
    jti: id,
    ...(scope === undefined ? {} : { scope }),
    sub: subject,
  }
  const signed = `${head}.${base64url(claims)}`
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
