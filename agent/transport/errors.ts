/** Why a link could not be opened; the code is stable. */

import { WowError } from '../core/errors.ts'
import { type Address, formatAddress } from '../overlay/address.ts'

/**
 * `unreachable`: no endpoint answered in time. `wrong-peer`: another node answered. `self`: the endpoint leads to this
 * node, or to a copy of it. `refused`: the node answered but accepts no link from us, or the relay does not know it.
 * `stopped`: this node is stopping.
 */
export type LinkFailure = 'unreachable' | 'wrong-peer' | 'self' | 'refused' | 'stopped'

const HINTS: Readonly<Record<LinkFailure, string>> = {
  unreachable:
    'Check that the node runs, that the address and port are right, and that firewalls let TCP or UDP through.',
  'wrong-peer': 'The node at this address has another identity now; get its current address from `wow status` there.',
  self: 'Two machines must not share one identity: remove identity.json from the state folder of the copy.',
  refused: 'The node is there but refuses; it may be full or of another version. The overlay tries others by itself.',
  stopped: 'The agent is shutting down.',
}

export class LinkError extends WowError {
  readonly failure: LinkFailure

  constructor(failure: LinkFailure, message: string, options?: ErrorOptions) {
    super(`LINK_${failure.toUpperCase().replace('-', '_')}`, message, HINTS[failure], options)
    this.failure = failure
  }
}

export function noLinkTo(relay: Address): LinkError {
  return new LinkError('unreachable', `No direct link to the relay ${formatAddress(relay)}.`)
}
