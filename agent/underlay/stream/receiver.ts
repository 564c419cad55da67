/** The receiving half of a stream: remembers which segments arrived, and when to say so (RFC 9000 section 13.2). */

import { ACK_EVERY, MAX_ACK_DELAY_MS, MAX_ACK_RANGES } from './constants.ts'
import { Ranges } from './ranges.ts'
import { Reassembly } from './reassembly.ts'
import { type Ack, type AckRange, type Numbered, rangeBytes } from './segments.ts'

export class Receiver {
  readonly #reassembly: Reassembly
  readonly #arrived = new Ranges()
  #largest = -1
  #largestAt = 0
  /** Segments that arrived since the last acknowledgement. */
  #unsaid = 0
  #ackAt: number | undefined

  constructor(onFrame: (frame: Uint8Array) => void) {
    this.#reassembly = new Reassembly(onFrame)
  }

  /** When an acknowledgement must leave; undefined: nothing is to be said. */
  get ackAt(): number | undefined {
    return this.#ackAt
  }

  /** Returns what the peer must not do, if it does so. */
  receive({ number, urgent, offset, data }: Numbered, now: number): string | undefined {
    if (this.#arrived.has(number)) return undefined
    const taken = this.#reassembly.take(offset, data)
    if (typeof taken === 'object') return taken.violation
    if (taken === 'full') return undefined
    this.#arrived.add(number, number + 1)
    if (this.#arrived.count > MAX_ACK_RANGES) this.#arrived.removeLowest()
    const isInOrder = number === this.#largest + 1
    if (number > this.#largest) {
      this.#largest = number
      this.#largestAt = now
    }
    const isPressing = urgent || !isInOrder || ++this.#unsaid >= ACK_EVERY
    this.#unsaid = Math.max(this.#unsaid, 1)
    this.#ackAt = isPressing ? now : (this.#ackAt ?? now + MAX_ACK_DELAY_MS)
    return undefined
  }

  /** Frames may be handed out from now on. Returns what is wrong with those that have arrived, if anything. */
  resume(now: number): string | undefined {
    const limit = this.#reassembly.limit
    const violation = this.#reassembly.resume()
    if (this.#reassembly.limit > limit) this.#ackAt = now
    return violation
  }

  /** What is to be said in a segment that leaves now; undefined: nothing. Its ranges take at most `room` bytes. */
  takeAck(now: number, room: number): Ack | undefined {
    if (this.#ackAt === undefined) return undefined
    this.#ackAt = undefined
    this.#unsaid = 0
    const ranges: AckRange[] = []
    let size = 0
    for (let i = this.#arrived.count - 1; i >= 0; i--) {
      const range = { start: this.#arrived.start(i), end: this.#arrived.end(i) }
      size += rangeBytes(range, ranges.at(-1))
      if (size > room) break
      ranges.push(range)
    }
    return { ranges, delayMs: now - this.#largestAt, limit: this.#reassembly.limit }
  }
}
