/**
 * For how long a node's sessions may be silent, as the NATs and firewalls before it allow: measured, for all sessions together.
 *
 * A silence is *proven* when an answer got in after one as long (`SilenceProbe`: out of a socket of its own, so that no session is at
 * risk). Before anything is proven, `ASSUMED_SILENCE_MS` is assumed. A node that is seen where it listens is measured as well:
 * a firewall that keeps state forgets like a NAT.
 *
 * - It climbs one step of `SILENCES_MS` at a time: 10, 20, 40, 80 s. Sessions say something after 0.75 of what is proven: after 7.5 to 60 s.
 * - Two losses in a row at a step count; one may be a lost datagram. A longer silence is then tried again after 10 min, after twice
 *   that, and so on, up to once a day.
 * - What is proven is proven again every 15 min, with another witness if there is one: a NAT that is short of ports forgets sooner. Two
 *   losses lead one step down. Below the lowest step it stays there: such a node is reached by chance at times.
 * - Where the node is now: when its addresses change, what was proven there counts no more.
 *
 * Whoever answers can lie: then this node's sessions with others are silent for up to a minute at a time. Each is tied again by the
 * first that this node says on it, and the ring asks neighbours, and whoever does not answer, much sooner.
 *
 * RFC 4787 asks NATs to keep mappings for 2 min (REQ-5), some forget after 15 to 30 s. RFC 6263 (section 4) and RFC 8445 (section 11)
 * therefore have something sent every 15 s where nothing is known, which is what is assumed here (0.75 of 20 s); RFC 5626
 * (section 4.4.2) says 24 to 29 s for UDP, and lets a server say what it knows. That a measured time may be used is RFC 6263 section 6; the
 * search by a second mapping is that of RFC 5780 section 4.6.
 */

import { Backoff } from '../core/backoff.ts'
import type { Clock, Timer } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import {
  ASSUMED_SILENCE_MS,
  LONGER_AGAIN_MAX_MS,
  LONGER_AGAIN_MIN_MS,
  PROBE_FIRST_MS,
  PROVE_AGAIN_MS,
  SILENCE_LOSSES,
  SILENCES_MS,
  WITNESS_AGAIN_MS,
} from './constants.ts'
import type { DatagramSocket, UdpEndpoint } from './datagrams.ts'
import type { Session } from './session.ts'
import type { Silence } from './silence.ts'
import { SilenceProbe, type SilenceProbeParts, type SilenceVerdict } from './silence-probe.ts'

export class KeepAlive implements Silence {
  readonly #clock: Clock
  readonly #random: Random
  readonly #openSocket: (to: UdpEndpoint) => Promise<DatagramSocket>
  #step = FIRST_STEP
  #isProven = false
  #losses = 0
  readonly #longerPause = new Backoff({ minMs: LONGER_AGAIN_MIN_MS, maxMs: LONGER_AGAIN_MAX_MS })
  #longerAt = Number.NEGATIVE_INFINITY
  #place = ''
  #probe: SilenceProbe | undefined
  #timer: Timer | undefined
  /** Has the next round come after a while, ms. */
  #plan: (waitMs: number) => void = () => {}
  #isStopped = false

  /** @param parts.openSocket a socket at any free port that reaches an endpoint */
  constructor(parts: {
    clock: Clock
    random: Random
    openSocket: (to: UdpEndpoint) => Promise<DatagramSocket>
  }) {
    this.#clock = parts.clock
    this.#random = parts.random
    this.#openSocket = parts.openSocket
  }

  get allowedMs(): number {
    return SILENCES_MS[this.#step]!
  }

  /** Whether it was measured. */
  get isProven(): boolean {
    return this.#isProven
  }

  /**
   * Begins to measure.
   * @param parts.witnesses sessions with peers that others can dial
   */
  start(parts: { witnesses: () => readonly Session[]; receive: SilenceProbeParts['receive'] }): void {
    this.#plan = (waitMs) => {
      this.#timer?.cancel()
      if (!this.#isStopped) this.#timer = this.#clock.after(waitMs, () => void this.#round(parts).then(this.#plan))
    }
    this.#plan(PROBE_FIRST_MS)
  }

  /** See `SilenceProbe.onAnswer`. */
  onAnswer(body: Uint8Array): void {
    this.#probe?.onAnswer(body)
  }

  /** @param place names the addresses of this node, inside and outside its NATs: what was proven counts only there */
  isAt(place: string): void {
    if (place === this.#place) return
    this.#place = place
    this.#step = FIRST_STEP
    this.#isProven = false
    this.#losses = 0
    this.#longerPause.reset()
    this.#longerAt = Number.NEGATIVE_INFINITY
    if (this.#probe === undefined) this.#plan(PROBE_FIRST_MS)
    else this.#probe.stop()
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
    this.#probe?.stop()
  }

  /** Probes once. Returns for how long to wait before the next time, ms. */
  async #round({ witnesses, receive }: Parameters<KeepAlive['start']>[0]): Promise<number> {
    const all = witnesses()
    const witness = all[this.#random.below(all.length)]
    if (witness === undefined) return WITNESS_AGAIN_MS
    const place = this.#place
    const step = this.#next()
    const verdict = await this.#run(step, { witness, receive })
    // What was measured elsewhere, or by a probe that was stopped, says nothing.
    if (place !== this.#place || verdict === 'unknown') return WITNESS_AGAIN_MS
    return this.#learn(step, verdict)
  }

  async #run(
    step: number,
    { witness, receive }: Pick<SilenceProbeParts, 'witness' | 'receive'>,
  ): Promise<SilenceVerdict> {
    const [clock, random, openSocket] = [this.#clock, this.#random, this.#openSocket]
    this.#probe = new SilenceProbe({ clock, random, openSocket, witness, receive })
    try {
      return await this.#probe.run(SILENCES_MS[step]! / 1_000)
    } catch {
      // No socket can be had now.
      return 'unknown'
    } finally {
      this.#probe = undefined
    }
  }

  #next(): number {
    const isLongerDue = this.#isProven && this.#step < SILENCES_MS.length - 1 && this.#clock.now() >= this.#longerAt
    return isLongerDue ? this.#step + 1 : this.#step
  }

  #learn(step: number, verdict: 'held' | 'lost'): number {
    if (verdict === 'held') {
      this.#losses = 0
      if (step > this.#step) this.#longerPause.reset()
      this.#step = step
      this.#isProven = true
      return this.#next() > step ? 0 : PROVE_AGAIN_MS
    }
    if (++this.#losses < SILENCE_LOSSES) return 0
    this.#losses = 0
    if (step > this.#step) {
      const pauseMs = this.#longerPause.next()
      this.#longerAt = this.#clock.now() + pauseMs
      return Math.min(pauseMs, PROVE_AGAIN_MS)
    }
    this.#longerAt = this.#clock.now() + this.#longerPause.next()
    this.#isProven = false
    if (step === 0) return PROVE_AGAIN_MS
    this.#step = step - 1
    return 0
  }
}

const FIRST_STEP = SILENCES_MS.indexOf(ASSUMED_SILENCE_MS)
