/** Why a port cannot be opened, with reasons that a user can act on. */

import { InputError } from '../core/errors.ts'

const PROBLEMS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'only root may use this port',
}

/** @param address as the user gave it. @param code the system's, such as `EADDRINUSE` */
export function listenFailure(address: string, code: string, cause: unknown): InputError {
  return new InputError(
    'LISTEN_FAILED',
    `listen: cannot listen on ${address} (${PROBLEMS[code] ?? code}).`,
    'Give another address or port with --listen; port 0 takes any free one. A node has the same port over TCP and UDP.',
    { cause },
  )
}
