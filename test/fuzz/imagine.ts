/**
 * Makes messages from the codec that reads them: the codec asks for its fields and gets made-up ones. The result has a
 * true message's structure, without a second description that could differ from the first.
 */

import { EMPTY } from '../../agent/core/bytes.ts'
import { type Codec, DecodeError, Reader } from '../../agent/core/codec.ts'
import type { SeededRandom } from '../../sim/seeded-random.ts'

/** Length of the longest made-up field, bytes. */
const MAX_FIELD = 64

class Imagination extends Reader {
  readonly #random: SeededRandom
  readonly made: number[] = []

  constructor(random: SeededRandom) {
    super(EMPTY)
    this.#random = random
  }

  /** A codec that takes the rest of a message gets this much. */
  override get left(): number {
    return this.#random.below(MAX_FIELD)
  }

  /** Mostly small numbers, like lengths, kinds and booleans; sometimes an extreme. */
  override uint(width: number): number {
    const random = this.#random
    const dice = random.below(16)
    const end = 256 ** width
    const value = dice < 6 ? random.below(2) : dice < 12 ? random.below(9) : dice < 15 ? random.below(end) : end - 1
    for (let i = width - 1; i >= 0; i--) this.made.push(Math.floor(value / 256 ** i) % 256)
    return value
  }

  override raw(length: number): Uint8Array {
    const bytes = this.#random.bytes(Math.min(length, MAX_FIELD))
    for (const byte of bytes) this.made.push(byte)
    // A length beyond the message's end.
    if (length > MAX_FIELD) throw new DecodeError('too long to imagine')
    return bytes
  }
}

/** A message that the codec accepts, or the beginning of one that it rejects. */
export function imagine(codec: Codec<unknown>, random: SeededRandom): Uint8Array {
  const imagination = new Imagination(random)
  try {
    codec.read(imagination)
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
  }
  return Uint8Array.from(imagination.made)
}

/** The message with a few bytes changed, cut off or added; unchanged half of the time. */
export function damage(message: Uint8Array, random: SeededRandom): Uint8Array {
  switch (random.below(8)) {
    case 0:
      return message.subarray(0, random.below(message.length + 1))
    case 1:
      return Uint8Array.of(...message, ...random.bytes(1 + random.below(8)))
    case 2:
    case 3: {
      const changed = message.slice()
      for (let i = random.below(4); i >= 0 && changed.length > 0; i--) {
        changed[random.below(changed.length)] = random.below(4) === 0 ? 255 : random.below(256)
      }
      return changed
    }
    default:
      return message
  }
}
