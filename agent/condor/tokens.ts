/**
 * HTCondor's IDTOKENS, made without HTCondor: a password that every member derives from the namespace's secret, and
 * tokens signed with it.
 *
 * Tokens are the same at any time on any machine: they carry no moment at which they would become valid or end, since the
 * clocks of desktops are what they are.
 */

import { createHmac, hkdfSync } from 'node:crypto'
import { hex, hmac, utf8 } from '../core/bytes.ts'
import type { NamespaceKeys } from '../namespace/keys.ts'

/** HTCondor keeps passwords on disk scrambled with this, against eyes rather than against thieves. */
const SCRAMBLE = [0xde, 0xad, 0xbe, 0xef]
/** Long ago on every clock, seconds since 1970. */
const ISSUED_AT_S = 1

/** The password of the pool's key: hexadecimal, since HTCondor's ends at the first zero byte. */
function poolPassword(keys: NamespaceKeys): Uint8Array {
  return utf8(hex(keys.condor))
}

/** What `passwords.d/POOL` holds. */
export function poolKeyFile(keys: NamespaceKeys): Uint8Array {
  return poolPassword(keys).map((byte, i) => byte ^ (SCRAMBLE[i % SCRAMBLE.length] ?? 0))
}

export interface TokenWish {
  readonly keys: NamespaceKeys
  readonly trustDomain: string
  /** `condor@<domain>` for daemons, `<user>@<domain>` for users. */
  readonly subject: string
  /** Such as `condor:/READ`; undefined: whatever the subject may. */
  readonly scope?: string
}

/** One line of a file in `tokens.d`. */
export function mintToken({ keys, trustDomain, subject, scope }: TokenWish): string {
  const password = Buffer.from(poolPassword(keys))
  // The key named POOL is derived from its password twice over (condor_utils/token_utils.cpp).
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
