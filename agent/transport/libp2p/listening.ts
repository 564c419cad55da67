/** Opens a node's ports, with error reasons that a user can act on. */

import type { Multiaddr } from '@multiformats/multiaddr'
import { codeOf, InputError, messageOf } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import type { TransportManager } from './node.ts'

const PROBLEMS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'only root may use this port',
}

/** Listens on `address`. An IPv6 address on a machine without IPv6 is only a warning. @throws InputError */
export async function listenOn(transports: TransportManager, address: Multiaddr, log: Log): Promise<void> {
  try {
    await transports.listen([address])
  } catch (error) {
    // libp2p wraps the system's error in its own text.
    const code = /\bE[A-Z]{4,}\b/.exec(messageOf(error))?.[0] ?? codeOf(error) ?? 'unknown reason'
    if (code === 'EAFNOSUPPORT') {
      log.warn('this machine has no IPv6', { listen: address.toString() })
      return
    }
    throw new InputError(
      'LISTEN_FAILED',
      `listen: cannot listen on ${address} (${PROBLEMS[code] ?? code}).`,
      'Give another address or port with --listen; port 0 takes any free one.',
      { cause: error },
    )
  }
}
