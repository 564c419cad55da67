/**
 * Closes libp2p connections that no link, no relayed connection and no relay slot uses.
 *
 * When a link ends, its connection is released here. A slow sweep finds the rest: a relay's connection after the
 * relayed one has ended, or a stranger that connects and says nothing. The sweep also probes connections kept only for
 * a slot, which no heartbeat watches.
 */

import type { Connection, Libp2p } from '@libp2p/interface'
import type { Clock, Timer } from '../../core/clock.ts'
import { messageOf } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { ALIVE_PROTOCOL, IDLE_LIMIT_MS, LINK_PROTOCOL, PROBE_LIMIT_MS, SWEEP_PERIOD_MS } from '../constants.ts'

export interface ConnectionsParts {
  readonly libp2p: Libp2p
  readonly clock: Clock
  readonly log: Log
  /** Whether a relay slot, ours or the peer's, lives on this connection. */
  readonly holdsSlot: (connection: Connection) => boolean
}

const RELAY_PROTOCOLS = /^\/libp2p\/circuit\/relay\//

export class Connections {
  readonly #libp2p: Libp2p
  readonly #clock: Clock
  readonly #log: Log
  readonly #holdsSlot: (connection: Connection) => boolean
  readonly #idle = new Map<Connection, Timer>()
  #sweeper: Timer | undefined

  constructor(parts: ConnectionsParts) {
    this.#libp2p = parts.libp2p
    this.#clock = parts.clock
    this.#log = parts.log
    this.#holdsSlot = parts.holdsSlot
    this.#scheduleSweep()
  }

  /** One user of the connection is gone: closes it after `IDLE_LIMIT_MS` if nothing uses it then. */
  readonly release = (connection: Connection): void => {
    if (connection.status !== 'open' || this.#idle.has(connection)) return
    const timer = this.#clock.after(IDLE_LIMIT_MS, () => {
      this.#idle.delete(connection)
      if (!carries(connection) && !this.#holdsSlot(connection)) this.#close(connection)
    })
    this.#idle.set(connection, timer)
  }

  stop(): void {
    this.#sweeper?.cancel()
    for (const timer of this.#idle.values()) timer.cancel()
    this.#idle.clear()
  }

  #scheduleSweep(): void {
    this.#sweeper = this.#clock.after(SWEEP_PERIOD_MS, () => {
      this.#scheduleSweep()
      for (const connection of this.#libp2p.getConnections()) this.#check(connection)
    })
  }

  #check(connection: Connection): void {
    if (connection.status !== 'open' || hasLink(connection)) return
    if (this.#holdsSlot(connection)) void this.#probe(connection)
    else if (!carries(connection)) this.release(connection)
  }

  async #probe(connection: Connection): Promise<void> {
    try {
      const signal = AbortSignal.timeout(PROBE_LIMIT_MS)
      const stream = await connection.newStream(ALIVE_PROTOCOL, { signal, runOnLimitedConnection: true })
      await stream.close({ signal })
    } catch (error) {
      this.#log.debug('a silent connection is dead', { remote: `${connection.remoteAddr}`, reason: messageOf(error) })
      connection.abort(new Error('no answer to a probe'))
    }
  }

  #close(connection: Connection): void {
    connection.close().catch((error: unknown) => {
      connection.abort(error instanceof Error ? error : new Error(String(error)))
    })
  }
}

function hasLink(connection: Connection): boolean {
  return connection.streams.some((stream) => stream.protocol === LINK_PROTOCOL)
}

/** Whether a link or relayed connection uses it. A stream without a protocol is being negotiated and may become one. */
function carries(connection: Connection): boolean {
  return connection.streams.some(
    ({ protocol }) => protocol === '' || protocol === LINK_PROTOCOL || RELAY_PROTOCOLS.test(protocol),
  )
}

/** Whether no relay carries the connection. */
export function isDirect(connection: Connection): boolean {
  return !connection.remoteAddr.getComponents().some(({ name }) => name === 'p2p-circuit')
}
