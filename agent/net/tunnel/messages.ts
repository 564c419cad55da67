/**
 * The messages between two members of a namespace, and how each proves its membership.
 *
 * Every datagram starts with the namespace's tag, so several namespaces can share a link. The handshake has three
 * messages: hello (my nonce), welcome (your nonce, mine, my proof), confirm (my proof). A proof is an HMAC with the
 * namespace's membership key over both ring addresses, which the link proved, both nonces and the role. So it cannot be
 * replayed, reflected, or reused by another pair of nodes.
 */

import { EMPTY, equal, hmac, sha256, utf8 } from '../../core/bytes.ts'
import { type Codec, type Decoded, decode, encode, fixed, struct, u16, u32, u48, union } from '../../core/codec.ts'
import type { Ip4 } from '../../core/ip.ts'
import type { NamespaceKeys } from '../../namespace/keys.ts'
import { type Address, addressCodec } from '../../overlay/address.ts'
import { LANE_NONCE_BYTES } from '../lane/lane-keys.ts'

export const NONCE_BYTES = 16
const PROOF_BYTES = 32
const TAG_BYTES = 8

/** All remaining bytes. */
const rest: Codec<Uint8Array> = {
  write: (writer, value) => writer.raw(value),
  read: (reader) => reader.raw(reader.left),
}
const nonce = fixed(NONCE_BYTES)
const proof = fixed(PROOF_BYTES)
const ip4 = u32 as Codec<Ip4>
const laneNonce = fixed(LANE_NONCE_BYTES)

/** Everything after the tag. */
export const tunnelMessageCodec = union({
  /** IP packets, each prefixed with its length (u16). */
  data: struct({ session: u32, packets: rest }),
  hello: struct({ nonce }),
  welcome: struct({ yours: nonce, mine: nonce, proof }),
  confirm: struct({ session: u32, proof }),
  /** The receiver of data has no such session: it restarted, or never heard the confirm. */
  unknown: struct({ session: u32 }),
  /** The receiver of data does not hold the address. */
  notMine: struct({ ip: ip4 }),
  /** Heartbeat; the pong returns `at` unchanged. */
  ping: struct({ session: u32, at: u48 }),
  pong: struct({ session: u32, at: u48, received: u48 }),
  /** `received`: total bytes of this session's data messages that arrived. */
  ack: struct({ session: u32, received: u48 }),
  /** The sender takes sealed records of a lane under `index`; see ../lane/lane.ts. */
  laneOffer: struct({ session: u32, index: u32, nonce: laneNonce }),
  /** So does the other end; `yours`: the index offered. */
  laneAnswer: struct({ session: u32, yours: u32, index: u32, nonce: laneNonce }),
  /** The answer came; `index`: the one that answered. */
  laneReady: struct({ session: u32, index: u32 }),
  /** A probe as long as a packet of `length` bytes came; `index`: the lane's at the end that took it. */
  laneProbed: struct({ session: u32, index: u32, length: u16 }),
})
const datagram = struct({ tag: fixed(TAG_BYTES), message: tunnelMessageCodec })

export type TunnelMessage = Decoded<typeof tunnelMessageCodec>

/** The namespace's tag; public, like its id. */
export function tagOf(keys: NamespaceKeys): Uint8Array {
  return sha256(utf8('wow tunnel tag 1'), utf8(keys.id)).subarray(0, TAG_BYTES)
}

export function encodeMessage(tag: Uint8Array, value: TunnelMessage): Uint8Array {
  return encode(datagram, { tag, message: value })
}

/** undefined when the datagram belongs to another namespace. @throws DecodeError when it is malformed */
export function decodeMessage(tag: Uint8Array, bytes: Uint8Array): TunnelMessage | undefined {
  if (bytes.length < TAG_BYTES || !equal(bytes.subarray(0, TAG_BYTES), tag)) return undefined
  return decode(datagram, bytes).message
}

/** The bytes before the packets in every data message of a session. */
export function dataPrefix(tag: Uint8Array, session: number): Uint8Array {
  return encodeMessage(tag, { kind: 'data', session, packets: EMPTY })
}

/** Both ends' view of one handshake. */
export interface Transcript {
  readonly initiator: Address
  readonly responder: Address
  readonly initiatorNonce: Uint8Array
  readonly responderNonce: Uint8Array
}

export type Role = 'initiator' | 'responder'

const transcriptCodec = struct({
  initiator: addressCodec,
  responder: addressCodec,
  initiatorNonce: nonce,
  responderNonce: nonce,
})

export function proveMembership(keys: NamespaceKeys, role: Role, transcript: Transcript): Uint8Array {
  return hmac(keys.membership, utf8(`wow tunnel 1 ${role} ${keys.id} `), encode(transcriptCodec, transcript))
}

export function provesMembership(
  keys: NamespaceKeys,
  role: Role,
  transcript: Transcript,
  claimed: Uint8Array,
): boolean {
  return equal(proveMembership(keys, role, transcript), claimed)
}

/** Distinguishes this session's data from that of an earlier one between the same nodes; not a secret. */
export function sessionId(keys: NamespaceKeys, transcript: Transcript): number {
  const bytes = hmac(keys.membership, utf8(`wow tunnel session 1 ${keys.id} `), encode(transcriptCodec, transcript))
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
}
