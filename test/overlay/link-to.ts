/** A link that carries nothing, for code that only asks which nodes are linked. */

import type { Address } from '../../agent/overlay/address.ts'
import type { Link } from '../../agent/overlay/link.ts'

export function linkTo(peer: Address, outgoing = false): Link {
  return {
    peer,
    outgoing,
    relayed: false,
    remote: '',
    send: () => true,
    close() {},
    onFrame: () => {},
    onClose: () => {},
  }
}
