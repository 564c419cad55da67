/** Why a session could not be opened. */

/**
 * `unreachable`: nothing answered in time. `wrong-peer`: another node answered. `self`: the endpoint leads to this node,
 * or to a copy of it. `refused`: the node answered but takes no session from us. `stopped`: this node is stopping.
 */
export type SessionFailure = 'unreachable' | 'wrong-peer' | 'self' | 'refused' | 'stopped'

export class SessionError extends Error {
  readonly failure: SessionFailure

  constructor(failure: SessionFailure, message: string) {
    super(message)
    this.name = 'SessionError'
    this.failure = failure
  }
}
