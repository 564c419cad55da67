/**
 * Creating a namespace (paper section 5.1): draw an identifier at random, insert the record with Create, draw another if
 * it is taken.
 *
 * The identifier is the hash of a fresh key, so whoever took it before does not hold this key; and the password is one
 * that every member can derive, so that any of them can keep the record alive afterwards.
 */

import { randomBytes } from 'node:crypto'
import { WowError } from '../core/errors.ts'
import type { Dht } from '../dht/dht.ts'
import { RECORD_TTL_MS } from './keeper.ts'
import type { KnownNamespace } from './keyring.ts'
import { deriveKeys, SECRET_BYTES } from './keys.ts'
import { generateSigningKey, isDomain, type NamespaceRecord, signRecord } from './record.ts'
import { recordKey, sealRecord } from './record-entry.ts'

/** What the creator asks for; a name and a domain are made from the id and the name where none is given. */
export type Wish = Omit<NamespaceRecord, 'name'> & { readonly name: string | undefined }

/** Two in a row are taken about never: more tries than this mean that something else is wrong. */
const MAX_DRAWS = 5

/** A namespace with fresh keys that no one else knows of yet. */
export function drawNamespace(wish: Wish, bootstrap: readonly string[]): KnownNamespace {
  const signingKey = generateSigningKey()
  const secret = new Uint8Array(randomBytes(SECRET_BYTES))
  const { id } = signRecord({ ...wish, name: 'unnamed' }, signingKey)
  const name = wish.name ?? `wow-${id.slice(0, 6)}`
  const signed = signRecord({ ...wish, name, domain: wish.domain ?? domainFor(name) }, signingKey)
  return { signed, secret, signingKey, bootstrap }
}

/** Draws until the DHT accepts. @throws WowError when it does not answer, or goes on saying taken. */
export async function publishNew(wish: Wish, bootstrap: readonly string[], dht: Dht): Promise<KnownNamespace> {
  for (let draws = 0; draws < MAX_DRAWS; draws++) {
    const namespace = drawNamespace(wish, bootstrap)
    const keys = deriveKeys(namespace.signed.id, namespace.secret)
    const outcome = await dht.create(recordKey(keys.id), keys.shared, sealRecord(keys, namespace.signed), RECORD_TTL_MS)
    if (outcome.won) return namespace
    if (!outcome.lost) {
      throw new WowError('DHT_NO_MAJORITY', 'Too few nodes of the overlay accepted the record.', 'Try again.')
    }
  }
  throw new WowError(
    'IDS_TAKEN',
    `The overlay says that ${MAX_DRAWS} random ids are taken.`,
    'Try another bootstrap node.',
  )
}

/** `NAME.wow` as a DNS name; undefined when the name has nothing that DNS takes. */
function domainFor(name: string): string | undefined {
  const label = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
  const domain = `${label}.wow`
  return isDomain(domain) ? domain : undefined
}
