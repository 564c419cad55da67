/**
 * Whether a lane carries. It does not when no probe is answered though the link answers: so ends that are too busy to answer
 * are told from a way that loses everything.
 */

import type { Clock } from '../../core/clock.ts'
import { LANE_SILENCE_MS, PROBE_MS } from '../constants.ts'

/** The link beside the lane. */
export interface BesideLane {
  /** Asks the peer. */
  ping(): void
  /** Clock time at which the last question was put that the peer has answered. */
  readonly answeredAt: number
}

export class LaneSilence {
  readonly #clock: Clock
  readonly #link: BesideLane
  /** When the first probe was sent that no answer followed. */
  #since: number | undefined
  #isSuspected = false

  constructor(clock: Clock, link: BesideLane) {
    this.#clock = clock
    this.#link = link
  }

  /** A probe is sent. */
  probed(): void {
    this.#since ??= this.#clock.now()
  }

  /** A probe was answered, or it is of no matter any more whether one was. */
  end(): void {
    this.#since = undefined
    this.#isSuspected = false
  }

  /** `suspect`, once: nothing arrives any more, or an end is very busy. `dead`: the lane carries nothing. */
  look(): 'well' | 'suspect' | 'dead' {
    const since = this.#since
    if (since === undefined) return 'well'
    const silentMs = this.#clock.now() - since
    if (silentMs < PROBE_MS) return 'well'
    const linkAnswers = this.#link.answeredAt >= since + PROBE_MS
    if (!linkAnswers) this.#link.ping()
    if (silentMs <= LANE_SILENCE_MS) return 'well'
    if (linkAnswers) return 'dead'
    if (this.#isSuspected) return 'well'
    this.#isSuspected = true
    return 'suspect'
  }
}
