/** Signed changes for tests, as a client with a password would send them. */

import { utf8 } from '../../agent/core/bytes.ts'
import { REMAP } from '../../agent/dht/dht.ts'
import type { Offered } from '../../agent/dht/entry.ts'
import type { Change, MovingEntry } from '../../agent/dht/messages.ts'
import { holderOf, type Proven, prove, signChange } from '../../agent/dht/proof.ts'
import { type Address, toAddress } from '../../agent/overlay/address.ts'

export const ALICE = toAddress(1n)
export const BOB = toAddress(2n)
export const KEY = utf8('a key')

/** Serials grow from one change to the next, as a client's do. */
let serial = 0

export interface Details {
  readonly key?: Uint8Array
  readonly value?: string
  readonly ttlMs?: number
  readonly publisher?: Address
  readonly serial?: number
  /** The password before this one. */
  readonly former?: string
}

export function signed(kind: 'create' | 'recreate' | 'delete', password: string, details: Details = {}): Change {
  const { key = KEY, value = 'v', ttlMs = 1_000, publisher = ALICE, former } = details
  const deletes = kind === 'delete'
  return signChange(
    {
      kind,
      key,
      serial: details.serial ?? ++serial,
      value: utf8(deletes ? '' : value),
      ttlMs: deletes ? 0 : ttlMs,
      publisher,
    },
    holderOf(key, utf8(password)),
    former === undefined ? undefined : holderOf(key, utf8(former)),
  )
}

/** The change as a storing node takes it, at one of its key's sub-keys (by default the first). */
export function proven(change: Change, place = 0): Proven {
  const result = prove(place, change)
  if (result === undefined) throw new Error('the signature does not hold')
  return result
}

export function create(password: string, details?: Details): Proven {
  return proven(signed('create', password, details))
}

export function recreate(former: string, password: string, details?: Details): Proven {
  return proven(signed('recreate', password, former === password ? details : { ...details, former }))
}

export function remove(password: string, details?: Details): Proven {
  return proven(signed('delete', password, details))
}

export function offered({ place, change, ...rest }: MovingEntry): Offered {
  return { ...rest, proven: proven(change, place) }
}

/** Copies of `bytes`, each with another byte changed. */
export function* corruptions(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at++) {
    const broken = bytes.slice()
    broken[at]! ^= 1 + (at % 255)
    yield broken
  }
}

export const PLACES = Array.from({ length: REMAP }, (_, place) => place)
