/** The frames that linked nodes exchange, and the bodies of the ring's own requests. */

import { bool, bytes, type Decoded, fixed, list, oneOf, string, struct, u8, u16, u32, union } from '../core/codec.ts'
import { addressCodec } from './address.ts'
import { MAX_ENDPOINT_BYTES, MAX_ENDPOINTS, NEAR_PER_SIDE } from './constants.ts'
import { MAX_FRAME } from './link.ts'

const endpoints = list(string(MAX_ENDPOINT_BYTES), MAX_ENDPOINTS)

export const contactCodec = struct({ address: addressCodec, endpoints })

/** Leaves room for a frame's own header: the longest one (request) has under 64 bytes. */
export const MAX_BODY = MAX_FRAME - 64

export const TWIN_NONCE_BYTES = 16
/** A signature has 64. */
const MAX_TWIN_PROOF = 128

export const frameCodec = union({
  /** Where the sender listens; the first frame on a link, and again when it changes. */
  hello: struct({ endpoints }),
  /**
   * The sender's view of the ring. `wanted`: it has a use for this link. `joined`: requests may be routed through it.
   * Of two with the same `epoch` (one run of the sender), the one with the larger `serial` is newer.
   */
  status: struct({
    epoch: u32,
    serial: u32,
    wanted: bool,
    joined: bool,
    left: list(addressCodec, NEAR_PER_SIDE),
    right: list(addressCodec, NEAR_PER_SIDE),
  }),
  ping: struct({}),
  /** `seen`: the serial of the pinging node's last status that arrived; if that is not its last, it sends it again. */
  pong: struct({ seen: u32 }),
  request: struct({
    id: u32,
    source: addressCodec,
    target: addressCodec,
    delivery: oneOf('closest', 'exact'),
    service: u8,
    hops: u8,
    /** What is left of the asker's patience, ms. */
    patienceMs: u16,
    body: bytes(MAX_BODY),
  }),
  answer: struct({ id: u32, from: addressCodec, hops: u8, body: bytes(MAX_BODY) }),
  failure: struct({ id: u32, failure: oneOf('no-route', 'no-answer', 'refused'), detail: string(255) }),
  datagram: struct({ body: bytes(MAX_BODY) }),
  /** Another run of you, with the same identity, has been linked to me for longer and is alive. */
  twin: struct({}),
  /** So long ago the sender took the receiver for dead, and went on without it. Comes before a status. */
  gaveUp: struct({ agoMs: u32 }),
  /** The sender was away for so long. A receiver that kept this link all the while was away too. */
  away: struct({ forMs: u32 }),
  /** The later run to its witness: let the earlier one prove itself. The witness to the earlier one: prove yourself. */
  twinChallenge: struct({ nonce: fixed(TWIN_NONCE_BYTES) }),
  twinProve: struct({ nonce: fixed(TWIN_NONCE_BYTES) }),
  /** Back the same way. */
  twinProof: struct({ nonce: fixed(TWIN_NONCE_BYTES), proof: bytes(MAX_TWIN_PROOF) }),
})

export type Frame = Decoded<typeof frameCodec>
export type FrameOf<Kind extends Frame['kind']> = Extract<Frame, { kind: Kind }>
export type Status = FrameOf<'status'>

/** What one node asks another about the ring itself. */
export const ringRequestCodec = union({
  /** Who are you, and who are your neighbours? A node that joins asks the node closest to its own address. */
  neighbors: struct({}),
  /** How do I reach `of`? Asked of a node linked to it, of the node itself, or of the node closest to that address. */
  contact: struct({ of: addressCodec }),
  /** I cannot reach you: please dial me. */
  dialBack: struct({ asker: contactCodec }),
})

export const ringAnswerCodec = struct({ contacts: list(contactCodec, 2 * NEAR_PER_SIDE + 1) })
