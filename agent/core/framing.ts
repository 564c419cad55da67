/**
 * Frames on a byte stream: four bytes of length, big-endian, then that many bytes.
 *
 * Guarantees: `FrameReader` hands out whole frames in order, without copying a frame that arrives in one piece. It
 * throws `FramingError` on a length above the limit before it keeps a byte of that frame. However small the pieces are,
 * it holds no more than one frame.
 */

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
  readonly #header = new Uint8Array(HEADER)
  /** What has begun to arrive: the header or a frame. undefined between the two. */
  #partial: Uint8Array | undefined
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
      const piece = rest.subarray(0, want)
      rest = rest.subarray(want)
      const whole = this.#take(piece, want)
      if (whole === undefined) return
      if (this.#length === undefined) this.#startFrame(whole)
      else this.#finishFrame(whole)
    }
  }

  /** Returns the header or frame that `piece` completes; keeps a copy of a piece that completes none. */
  #take(piece: Uint8Array, want: number): Uint8Array | undefined {
    if (this.#have === 0 && piece.length === want) return piece
    this.#partial ??= this.#length === undefined ? this.#header : new Uint8Array(this.#length)
    this.#partial.set(piece, this.#have)
    this.#have += piece.length
    if (piece.length < want) return undefined
    const whole = this.#partial
    this.#partial = undefined
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
