/**
 * Our slots at relays, through which nodes that cannot dial us reach us.
 *
 * Up to `RELAY_SLOTS` of the nodes that we dialled directly hold a reservation for us. They are chosen as soon as there is a
 * link: where UDP is blocked, most nodes can only reach us so. They are replaced when their connection is lost. A slot lives on its
 * connection, which therefore stays up even when the ring no longer wants a link to that node.
 */

import type { Connection, PeerId } from '@libp2p/interface'
import type { Clock, Timer } from '../../core/clock.ts'
import { messageOf } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { RELAY_SLOTS, RESERVE_AFTER_MS, RESERVE_AGAIN_AFTER_MS } from '../constants.ts'
import { reachOf } from '../endpoints.ts'
import type { ReservationStore } from './node.ts'

export interface RelaySlotsParts {
  readonly store: ReservationStore
  readonly clock: Clock
  readonly log: Log
  readonly self: string
  /** Connections that this side dialled without a relay, oldest first. */
  readonly candidates: () => Connection[]
  /** `endpoints` has changed. */
  readonly changed: () => void
}

interface Slot {
  readonly connection: Connection
  /** Our endpoint through this relay. */
  readonly endpoint: string
}

export class RelaySlots {
  readonly #store: ReservationStore
  readonly #clock: Clock
  readonly #log: Log
  readonly #self: string
  readonly #candidates: () => Connection[]
  readonly #changed: () => void
  /** By the relay's peer id. */
  readonly #slots = new Map<string, Slot>()
  /** Relays that refused, and until when they are not asked again. */
  readonly #refused = new Map<string, number>()
  #timer: Timer | undefined
  #reserving = false
  #stopped = false

  constructor(parts: RelaySlotsParts) {
    this.#store = parts.store
    this.#clock = parts.clock
    this.#log = parts.log
    this.#self = parts.self
    this.#candidates = parts.candidates
    this.#changed = parts.changed
    this.#store.addEventListener('relay:removed', (event) => this.#lost(event.detail.relay))
  }

  /** A link was opened: its peer may serve as a relay. */
  linkOpened(): void {
    if (this.#slots.size >= RELAY_SLOTS) return
    this.#timer?.cancel()
    this.#timer = undefined
    this.#schedule(0)
  }

  /** Whether one of our slots lives on this connection. */
  holds(connection: Connection): boolean {
    return this.#slots.get(connection.remotePeer.toString())?.connection.id === connection.id
  }

  endpoints(): string[] {
    return [...this.#slots.values()].map((slot) => slot.endpoint)
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
    this.#slots.clear()
  }

  #schedule(delayMs: number): void {
    if (this.#stopped || this.#reserving || this.#timer !== undefined) return
    this.#timer = this.#clock.after(delayMs, () => {
      this.#timer = undefined
      void this.#reserve()
    })
  }

  async #reserve(): Promise<void> {
    this.#reserving = true
    while (!this.#stopped && this.#slots.size < RELAY_SLOTS) {
      const candidate = this.#best()
      if (candidate === undefined) break
      const isTaken = await this.#reserveAt(candidate)
      if (!isTaken) this.#refused.set(candidate.remotePeer.toString(), this.#clock.now() + RESERVE_AGAIN_AFTER_MS)
    }
    this.#reserving = false
    // Without a refusal no candidate is left to ask, and the next link schedules this again.
    if (this.#refused.size > 0 && this.#slots.size < RELAY_SLOTS) this.#schedule(RESERVE_AGAIN_AFTER_MS)
  }

  /** The best candidate: relays with a public address first, because others can reach them too. */
  #best(): Connection | undefined {
    const now = this.#clock.now()
    for (const [peer, until] of this.#refused) if (until <= now) this.#refused.delete(peer)
    const free = this.#candidates().filter((connection) => {
      const peer = connection.remotePeer.toString()
      return !this.#slots.has(peer) && !this.#refused.has(peer)
    })
    return free.find((connection) => reachOf(connection.remoteAddr) === 'public') ?? free[0]
  }

  async #reserveAt(connection: Connection): Promise<boolean> {
    const relay = connection.remotePeer
    try {
      await this.#store.addRelay(relay, 'configured')
    } catch (error) {
      this.#log.debug('a relay refused us', { relay: relay.toString(), reason: messageOf(error) })
      return false
    }
    if (connection.status !== 'open' || this.#stopped) return false
    // We dialled this address, so it works; an address that the relay names itself may not.
    const endpoint = `${connection.remoteAddr.toString()}/p2p-circuit/p2p/${this.#self}`
    this.#slots.set(relay.toString(), { connection, endpoint })
    this.#log.debug('a relay took us in', { relay: relay.toString(), endpoint })
    this.#changed()
    return true
  }

  #lost(relay: PeerId): void {
    if (!this.#slots.delete(relay.toString())) return
    this.#schedule(RESERVE_AFTER_MS)
    this.#changed()
  }
}
