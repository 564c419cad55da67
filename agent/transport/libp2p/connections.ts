/**
 * When a libp2p connection may go: as soon as no link, no relayed connection and no relay slot lives on it.
 *
 * A link that ends hands its connection in here; a slow sweep catches the rest (a relay's connection after the relayed
 * one has ended, a stranger who connects and says nothing) and probes those kept for a slot alone, which nobody's
 * heartbeat watches.
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
  /** Whether a relay slot, ours or the peer's, lives on it. */
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

  /** The connection has one use less. */
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

/** Streams without a protocol are being negotiated, and may become anything. */
function carries(connection: Connection): boolean {
  return connection.streams.some(
    ({ protocol }) => protocol === '' || protocol === LINK_PROTOCOL || RELAY_PROTOCOLS.test(protocol),
  )
}

/** Whether no relay carries it. */
export function isDirect(connection: Connection): boolean {
  return !connection.remoteAddr.getComponents().some(({ name }) => name === 'p2p-circuit')
}
