/**
 * Creates a namespace (paper section 5.1): draws a random identifier, inserts the record with Create, and draws another
 * if it is taken.
 *
 * The identifier is the hash of a fresh key, so a node that took it before does not hold this key. Every member can
 * derive the password, so any of them can keep the record alive afterwards.
 */

import { randomBytes } from 'node:crypto'
import { WowError } from '../core/errors.ts'
import type { Dht } from '../dht/dht.ts'
import { createRecord } from './keeper.ts'
import type { KnownNamespace } from './keyring.ts'
import { deriveKeys, SECRET_BYTES } from './keys.ts'
import { generateSigningKey, isDomain, type NamespaceRecord, signRecord } from './record.ts'

/** What the creator asks for. By default the name is made from the id, and the domain from the name. */
export type Wish = Omit<NamespaceRecord, 'name'> & { readonly name: string | undefined }

/** Even two taken ids in a row almost never happen: after this many something else is wrong. */
const MAX_DRAWS = 5

/** A namespace with fresh keys, not yet published. */
export function drawNamespace(wish: Wish, bootstrap: readonly string[]): KnownNamespace {
  const signingKey = generateSigningKey()
  const secret = new Uint8Array(randomBytes(SECRET_BYTES))
  const { id } = signRecord({ ...wish, name: 'unnamed' }, signingKey)
  const name = wish.name ?? `wow-${id.slice(0, 6)}`
  const signed = signRecord({ ...wish, name, domain: wish.domain ?? domainFor(name) }, signingKey)
  return { signed, secret, signingKey, bootstrap }
}

/** Draws until the DHT accepts. @throws WowError when the DHT gives no majority, or says taken every time. */
export async function publishNew(wish: Wish, bootstrap: readonly string[], dht: Dht): Promise<KnownNamespace> {
  for (let draws = 0; draws < MAX_DRAWS; draws++) {
    const namespace = drawNamespace(wish, bootstrap)
    const keys = deriveKeys(namespace.signed.id, namespace.secret)
    const outcome = await createRecord(dht, keys, namespace.signed)
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

/** `NAME.wow` as a DNS name; undefined when that is not a valid one. */
function domainFor(name: string): string | undefined {
  const label = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
  const domain = `${label}.wow`
  return isDomain(domain) ? domain : undefined
}
