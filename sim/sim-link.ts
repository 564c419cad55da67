/**
 * One end of a simulated link. Frames arrive in order, as over TCP, unless the weather reorders them. A lost frame is
 * lost whole.
 */

import type { Clock } from '../agent/core/clock.ts'
import { type Address, formatAddress } from '../agent/overlay/address.ts'
import { type Link, MAX_FRAME, type Priority } from '../agent/overlay/link.ts'
import type { BurstRate, Bursts } from './bursts.ts'

export interface Weather {
  /** One-way delay of a frame, ms: uniform in [min, max). */
  minDelayMs: number
  maxDelayMs: number
  /** Shares of frames that are lost, arrive twice, or overtake the frame before them, 0 to 1. */
  loss: number
  duplicate: number
  reorder: number
  /** Each connection has bursts of loss; undefined: none has. */
  bursts: BurstRate | undefined
}

/** What carries frames. */
export interface Medium {
  readonly clock: Clock
  readonly weather: Weather
  canTalk: (a: Address, b: Address) => boolean
  /** What answers a frame in its receiver's place; undefined for a frame that the receiver gets. */
  shortcut: ((frame: Uint8Array) => Uint8Array | undefined) | undefined
  /** Counts a frame that is sent, even if it is lost. */
  count(link: SimLink, frame: Uint8Array): void
  /** One-way delay of the next frame, ms. */
  delay(): number
  /** Draws whether an event of this probability happens. */
  strikes(share: number): boolean
}

/** The node that owns this end. */
export interface LinkOwner {
  readonly self: Address
  readonly open: Set<SimLink>
  /** Runs `arrive` now, or when the node resumes if it is held. */
  deliver(arrive: () => void): void
}

export function endpointOf(address: Address): string {
  return `sim:${formatAddress(address)}`
}

export class SimLink implements Link {
  readonly peer: Address
  readonly outgoing: boolean
  readonly relayed: boolean
  readonly remote: string
  other: SimLink | undefined
  readonly #medium: Medium
  readonly #owner: LinkOwner
  readonly #relay: Address | undefined
  readonly #bursts: Bursts
  readonly #early: Uint8Array[] = []
  #onFrame: ((frame: Uint8Array) => void) | undefined
  #onClose: (() => void) | undefined
  #state: 'open' | 'closed' | 'cut' = 'open'
  #closedBeforeHandler = false
  #dead = false
  /** Arrival time of the last frame; keeps frames in order. */
  #busyUntil = 0

  constructor(parts: {
    medium: Medium
    owner: LinkOwner
    peer: Address
    outgoing: boolean
    relay: Address | undefined
    /** One for both ends. */
    bursts: Bursts
  }) {
    this.#medium = parts.medium
    this.#owner = parts.owner
    this.peer = parts.peer
    this.outgoing = parts.outgoing
    this.#relay = parts.relay
    this.#bursts = parts.bursts
    this.relayed = parts.relay !== undefined
    this.remote = endpointOf(parts.peer)
    parts.owner.open.add(this)
  }

  send(frame: Uint8Array, _priority?: Priority): boolean {
    if (this.#state !== 'open' || frame.length > MAX_FRAME) return false
    this.#medium.count(this, frame)
    const { weather } = this.#medium
    const lost = this.#medium.strikes(weather.loss) || this.#bursts.strike(this.#medium.clock.now(), weather.bursts)
    if (!lost) this.#travel(() => this.other?.receive(frame))
    if (!lost && this.#medium.strikes(weather.duplicate)) this.#travel(() => this.other?.receive(frame))
    return true
  }

  close(): void {
    if (this.#state !== 'open') return
    this.#end('closed')
    this.#travel(() => this.other?.closedByPeer())
  }

  set onFrame(handler: (frame: Uint8Array) => void) {
    this.#onFrame = handler
    for (const frame of this.#early.splice(0)) handler(frame)
  }

  set onClose(handler: () => void) {
    this.#onClose = handler
    if (this.#closedBeforeHandler) handler()
  }

  receive(frame: Uint8Array): void {
    if (this.#state !== 'open') return
    const answer = this.#medium.shortcut?.(frame)
    if (answer !== undefined) this.send(answer)
    else if (this.#onFrame === undefined) this.#early.push(frame)
    else this.#onFrame(frame)
  }

  closedByPeer(): void {
    if (this.#state === 'open') this.#end('closed')
  }

  /** The host lost power: its handlers no longer run. */
  cut(): void {
    this.#state = 'cut'
  }

  /** The line forgets this link: nothing arrives any more at either end, and neither is told. */
  deaden(): void {
    this.#dead = true
    if (this.other !== undefined) this.other.#dead = true
  }

  get dead(): boolean {
    return this.#dead
  }

  #end(state: 'closed'): void {
    this.#state = state
    this.#owner.open.delete(this)
    if (this.#onClose === undefined) this.#closedBeforeHandler = true
    else this.#onClose()
  }

  #travel(arrive: () => void): void {
    const { clock, weather } = this.#medium
    const now = clock.now()
    const overtakes = this.#medium.strikes(weather.reorder)
    const arrivesAt = overtakes ? now + this.#medium.delay() : Math.max(this.#busyUntil, now + this.#medium.delay())
    this.#busyUntil = Math.max(this.#busyUntil, arrivesAt)
    clock.after(arrivesAt - now, () => {
      if (!this.#dead && this.#passes()) this.other?.arrives(arrive)
    })
  }

  /** Delivers to this end's node; see `LinkOwner.deliver`. */
  arrives(arrive: () => void): void {
    this.#owner.deliver(arrive)
  }

  #passes(): boolean {
    const { canTalk } = this.#medium
    const self = this.#owner.self
    if (this.#relay === undefined) return canTalk(self, this.peer)
    return canTalk(self, this.#relay) && canTalk(this.#relay, this.peer)
  }
}
