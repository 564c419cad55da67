/**
 * Limits the bytes in flight to one peer, so that a carrier that queues without limit (TCP does, by megabytes) never
 * holds seconds of packets: inner connections must see loss, and the ring's heartbeats on the same link must get
 * through.
 *
 * Guarantees: at most a window of bytes is unacknowledged. The window grows while acknowledgements come back promptly
 * and shrinks when they come more than `WINDOW_TARGET_MS` later than the best seen, as LEDBAT does (RFC 6817). Bytes
 * that the carrier lost do not count for ever: the answer to a heartbeat accounts for all bytes sent before it.
 */

import {
  WINDOW_BASE_LIFE_MS,
  WINDOW_MAX_BYTES,
  WINDOW_MIN_BYTES,
  WINDOW_STEP_BYTES,
  WINDOW_TARGET_MS,
} from '../constants.ts'

interface Mark {
  /** Bytes sent up to and including this datagram. */
  readonly end: number
  readonly at: number
}

export class SendWindow {
  #size = WINDOW_MIN_BYTES
  #sent = 0
  #acked = 0
  /** Bytes that were sent and never arrived, by which the peer's count stays behind. */
  #lost = 0
  #marks: Mark[] = []
  #pingMark: Mark | undefined
  #base = Number.POSITIVE_INFINITY
  #baseSince = 0
  #slowStart = true
  #shrunkAt = Number.NEGATIVE_INFINITY
  /** Whether the window held a packet back since it last grew: only then does it grow again. */
  #limited = false

  /** The most bytes in flight. */
  get size(): number {
    return this.#size
  }

  get underWay(): number {
    return this.#sent - this.#acked
  }

  /** Whether a packet may follow `waiting` bytes that are about to be sent. */
  admits(waiting: number): boolean {
    if (this.underWay + waiting < this.#size) return true
    this.#limited = true
    return false
  }

  sent(bytes: number, now: number): void {
    this.#sent += bytes
    this.#marks.push({ end: this.#sent, at: now })
  }

  pinged(at: number): void {
    this.#pingMark = { end: this.#sent, at }
  }

  /** The peer has received `received` bytes in total. */
  acknowledged(received: number, now: number): void {
    this.#advance(received + this.#lost, now)
  }

  /** The peer answered the heartbeat sent at `at`: bytes sent before it that are not in `received` are lost. */
  ponged(at: number, received: number, now: number): void {
    const mark = this.#pingMark
    if (mark === undefined || mark.at !== at) return
    this.#pingMark = undefined
    this.#lost = Math.max(this.#lost, mark.end - received)
    this.#advance(Math.max(mark.end, received + this.#lost), now)
  }

  #advance(upTo: number, now: number): void {
    const end = Math.min(upTo, this.#sent)
    const fresh = end - this.#acked
    if (fresh <= 0) return
    this.#acked = end
    const done = this.#marks.findIndex((mark) => mark.end > end)
    const passed = done < 0 ? this.#marks.splice(0) : this.#marks.splice(0, done)
    const last = passed.at(-1)
    if (last !== undefined) this.#adapt(now - last.at, fresh, now)
  }

  #adapt(roundTrip: number, fresh: number, now: number): void {
    if (roundTrip <= this.#base || now - this.#baseSince > WINDOW_BASE_LIFE_MS) {
      this.#base = roundTrip
      this.#baseSince = now
    }
    if (roundTrip - this.#base > WINDOW_TARGET_MS) {
      // One step down per round trip: the acknowledgements of the old window are still to come.
      if (now - this.#shrunkAt < roundTrip) return
      this.#slowStart = false
      this.#shrunkAt = now
      this.#size = Math.max(WINDOW_MIN_BYTES, this.#size * 0.7)
    } else if (this.#limited) {
      this.#limited = false
      const step = this.#slowStart ? fresh : (WINDOW_STEP_BYTES * fresh) / this.#size
      this.#size = Math.min(WINDOW_MAX_BYTES, this.#size + step)
    }
  }
}
