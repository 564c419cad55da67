/**
 * Puts the bytes of the stream in order, and hands out whole frames.
 *
 * It holds at most `RECEIVE_WINDOW` bytes ahead of what has been read, in blocks of `BLOCK` bytes, and one frame that is
 * not whole. How the peer cuts the stream changes nothing: all bytes but those next in line are copied.
 */

import { FrameReader, FramingError } from '../../core/framing.ts'
import { MAX_FRAME } from '../../overlay/link.ts'
import { MAX_HOLES, RECEIVE_WINDOW } from './constants.ts'
import { Ranges } from './ranges.ts'

/** Bytes that are kept together. */
const BLOCK = 16 * 1024

export class Reassembly {
  readonly #frames: FrameReader
  /** The stream's bytes from `#read` on, by number of block. */
  readonly #blocks = new Map<number, Uint8Array>()
  /** The bytes that are in blocks. */
  readonly #kept = new Ranges()
  /** All bytes below this were read. */
  #read = 0
  #paused = true

  constructor(onFrame: (frame: Uint8Array) => void) {
    this.#frames = new FrameReader(MAX_FRAME, onFrame)
  }

  /** The peer may send bytes below this. */
  get limit(): number {
    return this.#read + RECEIVE_WINDOW
  }

  /** Nothing is read before this; then what has arrived is. Returns what is wrong with it, if anything. */
  resume(): string | undefined {
    this.#paused = false
    return this.#readOn()
  }

  /**
   * Takes bytes of the stream. `full`: they were not taken, and the peer must send them again. Any other text says what
   * the peer must not do.
   */
  take(offset: number, data: Uint8Array): 'taken' | 'full' | { readonly violation: string } {
    const end = offset + data.length
    if (end > this.limit) return { violation: 'The peer sends more than it may.' }
    if (end <= this.#read) return 'taken'
    let violation: string | undefined
    if (offset <= this.#read && !this.#paused) {
      violation = this.#hand(data.subarray(this.#read - offset)) ?? this.#readOn()
    } else {
      const start = Math.max(offset, this.#read)
      if (this.#kept.count >= MAX_HOLES && this.#kept.wouldSplit(start, end)) return 'full'
      this.#keep(start, data.subarray(start - offset))
    }
    return violation === undefined ? 'taken' : { violation }
  }

  #keep(offset: number, data: Uint8Array): void {
    for (const [start, end] of [...this.#kept.missing(offset, offset + data.length)]) {
      for (let at = start; at < end; ) {
        const number = Math.floor(at / BLOCK)
        const to = Math.min(end, (number + 1) * BLOCK)
        let block = this.#blocks.get(number)
        if (block === undefined) {
          block = new Uint8Array(BLOCK)
          this.#blocks.set(number, block)
        }
        block.set(data.subarray(at - offset, to - offset), at - number * BLOCK)
        at = to
      }
    }
    this.#kept.add(offset, offset + data.length)
  }

  /** Reads what has arrived and is next in line. */
  #readOn(): string | undefined {
    let violation: string | undefined
    while (violation === undefined && this.#kept.count > 0 && this.#kept.start(0) <= this.#read) {
      const number = Math.floor(this.#read / BLOCK)
      const start = this.#read - number * BLOCK
      const end = Math.min(this.#kept.end(0) - number * BLOCK, BLOCK)
      // A copy: the block may be kept on, and its frames may be kept by whoever gets them.
      violation = this.#hand(this.#blocks.get(number)!.slice(start, end))
    }
    if (this.#kept.count === 0) this.#blocks.clear()
    return violation
  }

  /** Reads the next bytes of the stream. */
  #hand(bytes: Uint8Array): string | undefined {
    let block = Math.floor(this.#read / BLOCK)
    this.#read += bytes.length
    this.#kept.remove(0, this.#read)
    for (; (block + 1) * BLOCK <= this.#read; block++) this.#blocks.delete(block)
    try {
      this.#frames.push(bytes)
    } catch (error) {
      if (error instanceof FramingError) return `The peer sends ${error.message}.`
      throw error
    }
    return undefined
  }
}
