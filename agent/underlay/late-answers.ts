/**
 * Answers that a peer asks for in advance: at once, and once more later, to where the question came from. So the peer finds
 * out for how long the NATs and firewalls before it let answers in; see `SilenceProbe`.
 *
 * Guarantees: a question costs a node one timer for each session, the last question's. Both answers together are no longer
 * than the question, and one question a second is answered, so nobody can aim traffic at a third party.
 *
 * A question is the body of a record of type `later`: the time between the answers (2 bytes, s), 6 bytes of the asker's
 * choice, and zeros up to `LATER_BYTES`. Both answers are records of type `answer`: the time, or 0 in the first, and the 6 bytes.
 */

import type { Clock, Timer } from '../core/clock.ts'
import { Throttle } from '../core/throttle.ts'
import { LATER_MAX_S, LATER_SPACING_MS } from './constants.ts'
import type { UdpEndpoint } from './datagrams.ts'
import { CHALLENGE_BYTES, LATER_BYTES } from './records.ts'

const TIME_BYTES = 2
export const LATER_NONCE_BYTES = CHALLENGE_BYTES - TIME_BYTES

/** @param afterS time between the two answers, s; 0: only one is wanted */
export function laterBody(afterS: number, nonce: Uint8Array): Uint8Array {
  const body = new Uint8Array(LATER_BYTES)
  body.set(answerBody(afterS, nonce))
  return body
}

/** What an answer says that comes `afterS` seconds after the question, 0 for the first one. */
export function answerBody(afterS: number, nonce: Uint8Array): Uint8Array {
  const body = new Uint8Array(CHALLENGE_BYTES)
  new DataView(body.buffer).setUint16(0, afterS)
  body.set(nonce, TIME_BYTES)
  return body
}

export class LateAnswers {
  readonly #clock: Clock
  readonly #answer: (body: Uint8Array, to: UdpEndpoint) => void
  readonly #spacing: Throttle
  #timer: Timer | undefined

  constructor(clock: Clock, answer: (body: Uint8Array, to: UdpEndpoint) => void) {
    this.#clock = clock
    this.#answer = answer
    this.#spacing = new Throttle(clock, LATER_SPACING_MS)
  }

  /** Takes a question of the right length. */
  onQuestion(body: Uint8Array, from: UdpEndpoint): void {
    if (!this.#spacing.admits()) return
    this.stop()
    const nonce = body.slice(TIME_BYTES, CHALLENGE_BYTES)
    const afterS = new DataView(body.buffer, body.byteOffset).getUint16(0)
    this.#answer(answerBody(0, nonce), from)
    if (afterS === 0 || afterS > LATER_MAX_S) return
    this.#timer = this.#clock.after(afterS * 1_000, () => this.#answer(answerBody(afterS, nonce), from))
  }

  stop(): void {
    this.#timer?.cancel()
  }
}
