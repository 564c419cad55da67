/** What a client wants to change, and what it believes of a replica that says that somebody changed it since. */

import { equal } from '../core/bytes.ts'
import type { KeyPair } from '../core/ed25519.ts'
import type { Key, SubKey } from './dht.ts'
import type { Change, MovingEntry, Statement } from './messages.ts'
import { prove } from './proof.ts'

/** A change that a client wants, with the key pair that signs it and that of the former holder, if another. */
export interface Wish {
  readonly kind: Statement['kind']
  readonly key: Key
  readonly value: Uint8Array
  readonly ttlMs: number
  readonly holder: KeyPair
  readonly former?: KeyPair | undefined
}

/**
 * The serial of another change that is signed with a password of `wish` and makes `sent` stale; undefined when it does not.
 * A replica that shows what is no newer would have the same change signed again and again.
 */
export function newerSerial(
  { place, change }: MovingEntry,
  subKey: SubKey,
  sent: Change,
  wish: Wish,
): number | undefined {
  const { serial, holder: by } = change.statement
  const { holder, former } = wish
  const isOurs = equal(by, holder.publicKey) || (former !== undefined && equal(by, former.publicKey))
  const isNewer = serial >= sent.statement.serial && !equal(change.signature, sent.signature)
  return isOurs && isNewer && prove(place, change)?.subKey === subKey ? serial : undefined
}
