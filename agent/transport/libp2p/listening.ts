/** Opens a node's ports, with error reasons that a user can act on. */

import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { codeOf, messageOf } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { listenFailure } from '../listen-failure.ts'
import type { TransportManager } from './node.ts'

/**
 * Listens on `address`, and returns it with the port that it got in the place of 0. undefined where nobody can
 * reach it: an IPv6 address on a machine without IPv6 is only a warning. @throws InputError
 */
export async function listenOn(
  transports: TransportManager,
  address: Multiaddr,
  log: Log,
): Promise<Multiaddr | undefined> {
  try {
    await transports.listen([address])
    const port = transports.getListeners().at(-1)?.getAddrs()[0]?.getComponents()[1]?.value
    return port === undefined ? undefined : multiaddr(address.toString().replace(/\d+$/, port))
  } catch (error) {
    // libp2p wraps the system's error in its own text.
    const code = /\bE[A-Z]{4,}\b/.exec(messageOf(error))?.[0] ?? codeOf(error) ?? 'unknown reason'
    if (code === 'EAFNOSUPPORT') {
      log.warn('this machine has no IPv6', { listen: address.toString() })
      return undefined
    }
    throw listenFailure(address.toString(), code, error)
  }
}
