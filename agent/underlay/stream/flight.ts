/**
 * The segments under way: which have arrived, which are lost, and when to ask (RFC 9002 sections 5 and 6).
 *
 * Now and then it leaves out a number. A peer that acknowledges it acknowledges what it has not seen, so as to make us
 * send faster than the path carries (RFC 9000 section 21.4).
 */

import type { Random } from '../../core/random.ts'
import { RoundTrip } from '../../core/round-trip.ts'
import {
  FIRST_TIMEOUT_MS,
  GRANULARITY_MS,
  LONGEST_TIMEOUT_MS,
  MAX_ACK_DELAY_MS,
  MAX_PACKET_THRESHOLD,
  MAX_TIME_THRESHOLD,
  PACKET_THRESHOLD,
  SILENCE_LIMIT_MS,
  SILENCE_PROBES,
  TIME_THRESHOLD,
} from './constants.ts'
import type { Ack, AckRange } from './segments.ts'

export interface Sent {
  readonly number: number
  readonly sentAt: number
  /** The bytes of the stream that it carries. */
  readonly start: number
  readonly end: number
  /** Its length, bytes. */
  readonly size: number
}

/** Lost segments that may still prove not to be lost. */
const MAX_DOUBTS = 64
/** For so many times as long as it takes to take a segment for lost. */
const DOUBT_ROUNDS = 3

/** A number is left out after so many, at random up to twice as many. */
const SKIP_AFTER = 2_048

interface News {
  readonly acked: readonly Sent[]
  readonly notLost: number
  readonly sampled: boolean
}

export class Flight {
  readonly #random: Random
  readonly #roundTrip = new RoundTrip({ firstMs: FIRST_TIMEOUT_MS, longestMs: LONGEST_TIMEOUT_MS })
  /** By number, the oldest first. */
  readonly #sent = new Map<number, Sent>()
  #bytes = 0
  #next = 0
  #skipAt: number
  #skipped = -1
  #largestAcked = -1
  /** What was taken for lost: by number, when it was sent. */
  readonly #doubts = new Map<number, number>()
  #packetThreshold = PACKET_THRESHOLD
  #timeThreshold = TIME_THRESHOLD
  #latestMs = 0
  #leastMs = Number.POSITIVE_INFINITY
  #lastSentAt = 0
  #timeouts = 0
  /** Times at which the peer could have answered: probe timeouts apart at least; since its last answer, or since the first of these segments. */
  #asked = 0
  #askedAt = 0
  /** When the peer is looked at because it may be silent for too long, however much is sent. */
  #silentAt = 0
  /** When the oldest segment is lost if it is not acknowledged. */
  #lossAt: number | undefined

  constructor(random: Random) {
    this.#random = random
    this.#skipAt = SKIP_AFTER + random.below(SKIP_AFTER)
  }

  /** Bytes under way. */
  get bytes(): number {
    return this.#bytes
  }

  /** The number of the next segment. */
  get next(): number {
    return this.#next
  }

  get smoothedMs(): number | undefined {
    return this.#roundTrip.smoothedMs
  }

  /** The last round trip, without the peer's delay, ms. */
  get latestMs(): number {
    return this.#latestMs
  }

  /** Probe timeouts since the last answer. */
  get timeouts(): number {
    return this.#timeouts
  }

  /** When `expire` must be called; undefined while nothing is under way. */
  get deadline(): number | undefined {
    if (this.#sent.size === 0) return undefined
    return this.#lossAt ?? Math.min(this.#lastSentAt + this.#roundTrip.timeoutMs + MAX_ACK_DELAY_MS, this.#silentAt)
  }

  /** The segment with the number `next` is sent. */
  send(segment: Omit<Sent, 'number'>): void {
    if (this.#sent.size === 0) this.#answered(segment.sentAt)
    if (segment.sentAt - this.#askedAt >= this.#roundTrip.timeoutMs) {
      this.#asked++
      this.#askedAt = segment.sentAt
    }
    this.#sent.set(this.#next, { number: this.#next, ...segment })
    this.#bytes += segment.size
    this.#lastSentAt = segment.sentAt
    this.#next++
    if (this.#next < this.#skipAt) return
    this.#skipped = this.#next++
    this.#skipAt = this.#next + SKIP_AFTER + this.#random.below(SKIP_AFTER)
  }

  /**
   * Takes note of what has arrived; returns what was under way, and how many others had been taken for lost. `sampled`: the
   * round trip was measured. undefined: the peer acknowledges what was never sent.
   */
  acknowledge({ ranges, delayMs }: Ack, now: number): News | undefined {
    const acked: Sent[] = []
    const largest = ranges[0]!.end - 1
    if (largest >= this.#next) return undefined
    const oldest = firstOf(this.#sent) ?? this.#next
    let sampled = false
    for (const { start, end } of ranges) {
      if (start <= this.#skipped && this.#skipped < end) return undefined
      for (let number = Math.max(start, oldest); number < end; number++) {
        const segment = this.#sent.get(number)
        if (segment === undefined) continue
        if (number === largest) {
          this.#measure(now - segment.sentAt, delayMs)
          sampled = true
        }
        this.#drop(segment)
        acked.push(segment)
      }
    }
    const notLost = this.#resolveDoubts(ranges)
    this.#largestAcked = Math.max(this.#largestAcked, largest)
    if (acked.length > 0) this.#answered(now)
    return { acked, notLost, sampled }
  }

  /** Returns the segments that are lost, oldest first; they are under way no more. */
  takeLost(now: number): Sent[] {
    const lost: Sent[] = []
    this.#lossAt = undefined
    const latenessMs = Math.max(this.#timeThreshold * Math.max(this.smoothedMs ?? 0, this.#latestMs), GRANULARITY_MS)
    for (const [number, sentAt] of this.#doubts) {
      if (this.#doubts.size <= MAX_DOUBTS && now - sentAt < DOUBT_ROUNDS * latenessMs) break
      this.#doubts.delete(number)
    }
    for (const segment of this.#sent.values()) {
      if (segment.number > this.#largestAcked) break
      const lostAt = segment.sentAt + latenessMs
      if (this.#largestAcked - segment.number < this.#packetThreshold && lostAt > now) {
        this.#lossAt = lostAt
        break
      }
      this.#drop(segment)
      lost.push(segment)
      this.#doubts.set(segment.number, segment.sentAt)
    }
    return lost
  }

  /** The deadline has passed. `probe`: ask again; `silent`: the peer has not answered for too long. */
  expire(now: number): 'lost' | 'probe' | 'silent' {
    if (this.#lossAt !== undefined) return 'lost'
    this.#roundTrip.expire()
    this.#timeouts++
    // The next timeout counts from here, even if no probe can be sent.
    this.#lastSentAt = now
    this.#asked++
    this.#askedAt = now
    if (now < this.#silentAt) return 'probe'
    this.#silentAt = now + this.#roundTrip.timeoutMs
    return this.#asked > SILENCE_PROBES ? 'silent' : 'probe'
  }

  #answered(now: number): void {
    this.#silentAt = now + SILENCE_LIMIT_MS
    this.#timeouts = 0
    this.#asked = 0
    this.#askedAt = now
  }

  /** The oldest segments under way. */
  *oldest(count: number): Generator<Sent> {
    for (const segment of this.#sent.values()) {
      if (count-- <= 0) return
      yield segment
    }
  }

  /** Returns how many segments that arrived had been taken for lost. Then the path reorders: be more patient. */
  #resolveDoubts(ranges: readonly AckRange[]): number {
    let count = 0
    for (const number of this.#doubts.keys()) {
      if (!ranges.some(({ start, end }) => start <= number && number < end)) continue
      this.#doubts.delete(number)
      count++
      const overtakenBy = this.#largestAcked - number
      if (overtakenBy < this.#packetThreshold) {
        this.#timeThreshold = Math.min(2 * this.#timeThreshold - 1, MAX_TIME_THRESHOLD)
      } else this.#packetThreshold = Math.min(overtakenBy + 1, MAX_PACKET_THRESHOLD)
    }
    return count
  }

  #drop(segment: Sent): void {
    this.#sent.delete(segment.number)
    this.#bytes -= segment.size
  }

  /** RFC 9002 section 5.3: the peer's delay does not count, unless that makes the round trip impossibly short. */
  #measure(ms: number, delayMs: number): void {
    this.#leastMs = Math.min(this.#leastMs, ms)
    const withoutDelay = ms - Math.min(delayMs, MAX_ACK_DELAY_MS)
    this.#latestMs = withoutDelay >= this.#leastMs ? withoutDelay : ms
    this.#roundTrip.observe(this.#latestMs)
  }
}

function firstOf(numbers: ReadonlyMap<number, unknown>): number | undefined {
  return numbers.keys().next().value
}
