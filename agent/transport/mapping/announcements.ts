/**
 * Hears routers that have started anew, or have another address outside, and say so to all on their network: they may have
 * forgotten what they mapped (RFC 6886 section 3.2.1, RFC 6887 section 14.1).
 *
 * Anybody there can say the same. It is a reason to ask the router, now and then, and nothing that is said is believed.
 */

import type { Clock } from '../../core/clock.ts'
import type { Counters } from '../../core/counters.ts'
import { messageOf } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { Throttle } from '../../core/throttle.ts'
import type { UdpEndpoint } from '../../underlay/datagrams.ts'
import { ANNOUNCED_SPACING_MS } from './constants.ts'
import type { GatewaySocket, MappingNet } from './ways.ts'

export interface AnnouncementsParts {
  readonly net: Pick<MappingNet, 'openEar'>
  /** Whether the router sends from there. */
  readonly isRouter: (from: UdpEndpoint) => boolean
  /** The router has something to say. */
  readonly onAnnounced: () => void
  readonly clock: Clock
  readonly counters: Counters
  readonly log: Log
}

export class Announcements {
  readonly #parts: AnnouncementsParts
  readonly #spacing: Throttle
  /** Resolves with undefined where there can be none. */
  #socket: Promise<GatewaySocket | undefined> | undefined

  constructor(parts: AnnouncementsParts) {
    this.#parts = parts
    this.#spacing = new Throttle(parts.clock, ANNOUNCED_SPACING_MS)
  }

  /** Listens from now on, if it can. */
  start(): void {
    this.#socket ??= this.#open()
  }

  stop(): void {
    void this.#socket?.then((socket) => socket?.close())
    this.#socket = undefined
  }

  async #open(): Promise<GatewaySocket | undefined> {
    const { net, log } = this.#parts
    try {
      const socket = await net.openEar()
      socket.onDatagram = (_, from) => this.#hear(from)
      return socket
    } catch (error) {
      log.debug('announcements of routers are not heard', { reason: messageOf(error) })
      return undefined
    }
  }

  #hear(from: UdpEndpoint): void {
    const { isRouter, counters, onAnnounced } = this.#parts
    if (!isRouter(from)) counters.drop('foreign')
    else if (this.#spacing.admits()) {
      counters.add('announced')
      onAnnounced()
    }
  }
}
