/**
 * Refuses a counter that came before, with a bitmap that is never shifted (RFC 6479).
 *
 * Counters may come in any order as long as none is 8,160 or more behind the greatest: one UDP send with segmentation
 * brings 64 at once, and several of them overtake each other.
 */

const WORD_BITS = 32
const WORDS = 256
/** One word is always being cleared. */
const WINDOW = (WORDS - 1) * WORD_BITS

export class ReplayWindow {
  readonly #words = new Uint32Array(WORDS)
  #greatest = -1

  /** The greatest counter taken; -1 before the first. */
  get greatest(): number {
    return this.#greatest
  }

  /** Whether `counter` is new. It is not taken yet: the record must first prove authentic. */
  admits(counter: number): boolean {
    if (counter > this.#greatest) return true
    if (counter + WINDOW <= this.#greatest) return false
    return (this.#words[wordOf(counter) % WORDS]! & bitOf(counter)) === 0
  }

  /** Takes a counter that `admits` admits. */
  take(counter: number): void {
    if (counter > this.#greatest) {
      const last = wordOf(Math.max(0, this.#greatest))
      const steps = Math.min(wordOf(counter) - last, WORDS)
      for (let i = 1; i <= steps; i++) this.#words[(last + i) % WORDS] = 0
      this.#greatest = counter
    }
    this.#words[wordOf(counter) % WORDS]! |= bitOf(counter)
  }
}

function wordOf(counter: number): number {
  return Math.floor(counter / WORD_BITS)
}

function bitOf(counter: number): number {
  return 1 << (counter % WORD_BITS)
}
