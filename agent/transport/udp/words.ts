/** What the two ends of a link over UDP say about the link itself; docs/protocol.md, *Links over UDP*. */

import { bool, string, struct, union } from '../../core/codec.ts'

/** The longest endpoint: an IPv6 address with brackets, and a port. */
const MAX_ENDPOINT_TEXT = 47

export const wordCodec = union({
  /** The owner's frame is empty. */
  empty: struct({}),
  /** The node that dialled wants the session to be a link. */
  open: struct({}),
  /** The sender closed the link. */
  bye: struct({}),
  /** Where the sender sees the receiver. `carries`: others can dial the sender, which carries sessions for them. */
  seen: struct({ endpoint: string(MAX_ENDPOINT_TEXT), carries: bool }),
})
