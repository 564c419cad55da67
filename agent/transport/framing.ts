/**
 * Frames on a byte stream: four bytes of length, big-endian, then that many bytes.
 *
 * Guarantees: `FrameReader` hands out whole frames in order, without copying a frame that arrives in one piece. It
 * throws `FramingError` on a length above the limit before it keeps a byte of that frame.
 */

import { concat } from '../core/bytes.ts'

export const HEADER = 4

export class FramingError extends Error {}

export function frameBytes(frame: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER + frame.length)
  new DataView(bytes.buffer).setUint32(0, frame.length)
  bytes.set(frame, HEADER)
  return bytes
}

export class FrameReader {
  readonly #maxFrame: number
  readonly #onFrame: (frame: Uint8Array) => void
  /** The pieces of a header or frame that is not complete yet. */
  #parts: Uint8Array[] = []
  #have = 0
  /** The length of the frame whose header has been read; undefined while a header is awaited. */
  #length: number | undefined

  constructor(maxFrame: number, onFrame: (frame: Uint8Array) => void) {
    this.#maxFrame = maxFrame
    this.#onFrame = onFrame
  }

  /** @throws FramingError, after which the reader is unusable. */
  push(chunk: Uint8Array): void {
    let rest = chunk
    while (rest.length > 0) {
      const want = (this.#length ?? HEADER) - this.#have
      if (rest.length < want) {
        this.#parts.push(rest)
        this.#have += rest.length
        return
      }
      const whole = this.#take(rest.subarray(0, want))
      rest = rest.subarray(want)
      if (this.#length === undefined) this.#startFrame(whole)
      else this.#finishFrame(whole)
    }
  }

  #take(last: Uint8Array): Uint8Array {
    if (this.#parts.length === 0) return last
    const whole = concat(...this.#parts, last)
    this.#parts = []
    this.#have = 0
    return whole
  }

  #startFrame(header: Uint8Array): void {
    const length = new DataView(header.buffer, header.byteOffset, HEADER).getUint32(0)
    if (length > this.#maxFrame) throw new FramingError(`a frame of ${length} bytes, at most ${this.#maxFrame}`)
    if (length === 0) this.#onFrame(new Uint8Array(0))
    else this.#length = length
  }

  #finishFrame(frame: Uint8Array): void {
    this.#length = undefined
    this.#onFrame(frame)
  }
}
