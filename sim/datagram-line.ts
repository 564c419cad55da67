/** What happens to datagrams under way: delay, loss, bursts of it, doubling, reordering, altered bits, and a largest size. */

import type { Clock } from '../agent/core/clock.ts'
import type { Random } from '../agent/core/random.ts'
import { Bursts } from './bursts.ts'
import type { Weather } from './sim-link.ts'

export interface DatagramWeather extends Weather {
  /** Share of datagrams that arrive with one bit flipped, 0 to 1. */
  flip: number
  /** The largest IP packet, bytes. Larger ones vanish, and nobody is told. */
  mtu: number
}

/** A good line between two cities. */
export const CALM_DATAGRAMS: Readonly<DatagramWeather> = {
  minDelayMs: 5,
  maxDelayMs: 40,
  loss: 0,
  duplicate: 0,
  reorder: 0,
  bursts: undefined,
  flip: 0,
  mtu: 1_500,
}

/** The way from one endpoint to another. Datagrams keep their order unless the weather reorders them. */
export class DatagramLine {
  readonly #clock: Clock
  readonly #random: Random
  readonly #bursts: Bursts
  /** Arrival time of the last datagram; keeps datagrams in order. */
  #busyUntil = 0

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#random = random
    this.#bursts = new Bursts(random)
  }

  /** Calls `arrive` as often as the datagram arrives, each time with a copy of its own. Returns false when it is lost. */
  carry(datagram: Uint8Array, weather: DatagramWeather, arrive: (datagram: Uint8Array) => void): boolean {
    if (this.#strikes(weather.loss) || this.#bursts.strike(this.#clock.now(), weather.bursts)) return false
    this.#travel(datagram, weather, arrive)
    if (this.#strikes(weather.duplicate)) this.#travel(datagram, weather, arrive)
    return true
  }

  #travel(datagram: Uint8Array, weather: DatagramWeather, arrive: (datagram: Uint8Array) => void): void {
    const copy = Uint8Array.from(datagram)
    if (this.#strikes(weather.flip) && copy.length > 0) {
      copy[this.#random.below(copy.length)]! ^= 1 << this.#random.below(8)
    }
    const now = this.#clock.now()
    const soonest = now + weather.minDelayMs + this.#random.float() * (weather.maxDelayMs - weather.minDelayMs)
    const arrivesAt = this.#strikes(weather.reorder) ? soonest : Math.max(this.#busyUntil, soonest)
    this.#busyUntil = Math.max(this.#busyUntil, arrivesAt)
    this.#clock.after(arrivesAt - now, () => arrive(copy))
  }

  #strikes(share: number): boolean {
    return share > 0 && this.#random.float() < share
  }
}
