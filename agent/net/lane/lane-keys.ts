/**
 * The keys of a lane: from the namespace's membership key, the two nodes, the tunnel's session, and a nonce of each.
 *
 * The nonces travel on the link between the two, which is sealed for them alone with keys that no secret of the namespace
 * opens. So neither another member nor who learns the secret later can derive a lane's keys.
 */

import { hkdfSync } from 'node:crypto'
import { concat, utf8 } from '../../core/bytes.ts'
import { encode, struct, u32 } from '../../core/codec.ts'
import type { NamespaceKeys } from '../../namespace/keys.ts'
import { type Address, addressCodec } from '../../overlay/address.ts'
import type { LaneKeys } from './lane-tables.ts'

export const LANE_NONCE_BYTES = 32
const KEY_BYTES = 32

/** `offering`: the end that offered the lane, and its nonce. */
export interface LaneAgreement {
  readonly offering: Address
  readonly answering: Address
  readonly session: number
  readonly offeringNonce: Uint8Array
  readonly answeringNonce: Uint8Array
}

const info = struct({ offering: addressCodec, answering: addressCodec, session: u32 })

/** @param side which end this node is */
export function laneKeys(keys: NamespaceKeys, agreement: LaneAgreement, side: 'offering' | 'answering'): LaneKeys {
  const salt = concat(agreement.offeringNonce, agreement.answeringNonce)
  const label = concat(utf8(`wow tunnel lane 1 ${keys.id} `), encode(info, agreement))
  const both = new Uint8Array(hkdfSync('sha256', keys.membership, salt, label, 2 * KEY_BYTES))
  const [ours, theirs] = side === 'offering' ? [0, KEY_BYTES] : [KEY_BYTES, 0]
  return { send: both.slice(ours, ours + KEY_BYTES), receive: both.slice(theirs, theirs + KEY_BYTES) }
}
