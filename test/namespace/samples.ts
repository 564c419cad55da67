/** Namespaces for tests. */

import { randomBytes } from 'node:crypto'
import { parseCidr } from '../../agent/core/ip.ts'
import type { KnownNamespace } from '../../agent/namespace/keyring.ts'
import { deriveKeys, type NamespaceKeys, SECRET_BYTES } from '../../agent/namespace/keys.ts'
import { generateSigningKey, type NamespaceRecord, signRecord } from '../../agent/namespace/record.ts'

export function sampleRecord(changes: Partial<NamespaceRecord> = {}): NamespaceRecord {
  const pool = parseCidr('10.128.0.0/9')
  if (pool === undefined) throw new Error('unreachable')
  return {
    name: 'lab',
    pool,
    reserved: [],
    leaseS: 43_200,
    domain: 'lab.wow',
    mtu: undefined,
    ring: 'shared',
    ...changes,
  }
}

export function sampleNamespace(changes: Partial<NamespaceRecord> = {}, bootstrap: string[] = []): KnownNamespace {
  const signingKey = generateSigningKey()
  const secret = new Uint8Array(randomBytes(SECRET_BYTES))
  return { signed: signRecord(sampleRecord(changes), signingKey), secret, signingKey, bootstrap }
}

export function keysOf(namespace: KnownNamespace): NamespaceKeys {
  return deriveKeys(namespace.signed.id, namespace.secret)
}
