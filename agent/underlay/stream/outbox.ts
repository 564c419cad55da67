/**
 * What a stream has to send: frames that wait, and the bytes of the stream that the peer has not acknowledged.
 *
 * A frame joins the stream when its first byte can be sent, control frames before bulk ones. From then on its place is
 * fixed: the peer gets the frames in the order in which they joined.
 */

import { frameBytes, HEADER } from '../../core/framing.ts'
import { MAX_FRAME, type Priority } from '../../overlay/link.ts'
import { BULK_BACKLOG, CONTROL_BACKLOG, FRAME_COST } from './constants.ts'
import { Ranges } from './ranges.ts'

/** A frame with its length in front, and where it starts in the stream. */
interface Placed {
  readonly start: number
  readonly bytes: Uint8Array
}

export class Outbox {
  readonly #waiting: Record<Priority, Uint8Array[]> = { control: [], bulk: [] }
  #waitingBytes = 0
  /** Oldest first; all from the one that holds the lowest unacknowledged byte. */
  readonly #placed: Placed[] = []
  readonly #acked = new Ranges()
  /** Where the stream ends so far. */
  #end = 0

  /** False when too much waits, or the frame is too long. */
  write(frame: Uint8Array, priority: Priority): boolean {
    const backlog = priority === 'bulk' ? BULK_BACKLOG : CONTROL_BACKLOG
    if (frame.length > MAX_FRAME || this.#waitingBytes + frame.length + FRAME_COST > backlog) return false
    this.#waiting[priority].push(frameBytes(frame))
    this.#waitingBytes += frame.length + FRAME_COST
    return true
  }

  /** Whether the stream has, or can get, bytes from `offset` on. */
  reaches(offset: number): boolean {
    return this.#end > offset || this.#waitingBytes > 0
  }

  /** Up to `length` bytes of the stream from `offset` on; frames join the stream as they are needed. */
  read(offset: number, length: number): Uint8Array {
    while (this.#end < offset + length && this.#place()) {}
    const end = Math.min(offset + length, this.#end)
    let at = this.#find(offset)
    const { start, bytes } = this.#placed[at]!
    if (end <= start + bytes.length) return bytes.subarray(offset - start, end - start)
    const whole = new Uint8Array(end - offset)
    for (; at < this.#placed.length && this.#placed[at]!.start < end; at++) {
      const { start, bytes } = this.#placed[at]!
      const piece = bytes.subarray(Math.max(0, offset - start), end - start)
      whole.set(piece, Math.max(0, start - offset))
    }
    return whole
  }

  /** The peer has the bytes [start, end). */
  acknowledge(start: number, end: number): void {
    this.#acked.add(start, end)
    const done = this.#acked.start(0) === 0 ? this.#acked.end(0) : 0
    while (this.#placed.length > 0 && this.#placed[0]!.start + this.#placed[0]!.bytes.length <= done)
      this.#placed.shift()
  }

  /** The parts of [start, end) that the peer has not acknowledged. */
  unacknowledged(start: number, end: number): Iterable<readonly [start: number, end: number]> {
    return this.#acked.missing(start, end)
  }

  #place(): boolean {
    const bytes = this.#waiting.control.shift() ?? this.#waiting.bulk.shift()
    if (bytes === undefined) return false
    this.#waitingBytes -= bytes.length - HEADER + FRAME_COST
    this.#placed.push({ start: this.#end, bytes })
    this.#end += bytes.length
    return true
  }

  /** The index of the frame that holds the byte at `offset`. */
  #find(offset: number): number {
    let low = 0
    let high = this.#placed.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#placed[middle]!.start <= offset) low = middle
      else high = middle - 1
    }
    return low
  }
}
