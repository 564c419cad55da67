/** What the two ends of a link over UDP say about the link itself; docs/protocol.md, *Links over UDP*. */

import { bool, type Decoded, fixed, string, struct, union } from '../../core/codec.ts'
import { NONCE_BYTES } from '../../underlay/packets.ts'

/** The longest endpoint: an IPv6 address with brackets, and a port. */
const MAX_ENDPOINT_TEXT = 47
/** The longest IPv4 address. */
const MAX_IP4_TEXT = 15

export const wordCodec = union({
  /** The owner's frame is empty. */
  empty: struct({}),
  /** The node that dialled wants the session to be a link. */
  open: struct({}),
  /** The sender closed the link. */
  bye: struct({}),
  /** Where the sender sees the receiver. `carries`: others can dial the sender, which carries sessions for them. */
  seen: struct({ endpoint: string(MAX_ENDPOINT_TEXT), carries: bool }),
  /** On a relayed link: the sender's NAT gives each far end another port of `ip`; probes with `nonce` are asked for there. */
  fan: struct({ ip: string(MAX_IP4_TEXT), nonce: fixed(NONCE_BYTES) }),
  /** The answer: where the sender's probes come from; empty when it sends none. */
  aim: struct({ endpoint: string(MAX_ENDPOINT_TEXT) }),
})

export type Word = Decoded<typeof wordCodec>
export type FanWord = Extract<Word, { kind: 'fan' | 'aim' }>
