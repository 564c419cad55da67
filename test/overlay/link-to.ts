/** A link that carries nothing, for code that only asks which nodes are linked. */

import type { Address } from '../../agent/overlay/address.ts'
import type { Link } from '../../agent/overlay/link.ts'

/** `kind`: how it gets there; directly, by default. */
export function linkTo(peer: Address, outgoing = false, kind: Pick<Partial<Link>, 'relayed' | 'carrier'> = {}): Link {
  return {
    peer,
    outgoing,
    relayed: false,
    ...kind,
    remote: '',
    send: () => true,
    close() {},
    onFrame: () => {},
    onClose: () => {},
  }
}
