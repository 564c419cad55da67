/**
 * How long TCP waits for UDP when both could reach a node (RFC 8305 section 5): as long as dials over UDP take here. After
 * TCP was first, UDP may be blocked, and costs nothing more: both start at once until UDP is first again.
 */

import { RoundTrip } from '../core/round-trip.ts'
import { LEAST_HEAD_START_MS, UDP_HEAD_START_MS } from './constants.ts'

export class HeadStart {
  readonly #taken = new RoundTrip({ firstMs: UDP_HEAD_START_MS, longestMs: UDP_HEAD_START_MS })
  #udpLost = false

  get ms(): number {
    return this.#udpLost ? 0 : Math.max(LEAST_HEAD_START_MS, this.#taken.timeoutMs)
  }

  /** UDP was first, `tookMs` after the dial began. */
  udpWon(tookMs: number): void {
    this.#udpLost = false
    this.#taken.observe(tookMs)
  }

  /** TCP was first although UDP was tried. */
  udpLost(): void {
    this.#udpLost = true
  }
}
