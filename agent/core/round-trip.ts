/** How long to wait for an answer, from the answers that came (RFC 6298 section 2): the smoothed round trip and its variation. */

/** Weights of a new sample in the mean and in the variation. */
const ALPHA = 1 / 8
const BETA = 1 / 4
/** The variation counts this often. */
const K = 4

export class RoundTrip {
  readonly #firstMs: number
  readonly #longestMs: number
  #smoothedMs: number | undefined
  #variationMs = 0
  /** Doublings since the last sample (section 5.5): whoever is slower than the timeout would else never be measured. */
  #backedOff = 1

  /** `firstMs`: the timeout before the first sample; `longestMs`: what it never exceeds. */
  constructor({ firstMs, longestMs }: { firstMs: number; longestMs: number }) {
    this.#firstMs = firstMs
    this.#longestMs = longestMs
  }

  /** After this time without an answer, ms, none is to be expected. */
  get timeoutMs(): number {
    const measuredMs = this.#smoothedMs === undefined ? this.#firstMs : this.#smoothedMs + K * this.#variationMs
    return Math.min(measuredMs * this.#backedOff, this.#longestMs)
  }

  /** An answer came after `ms`. */
  observe(ms: number): void {
    this.#backedOff = 1
    if (this.#smoothedMs === undefined) {
      this.#smoothedMs = ms
      this.#variationMs = ms / 2
      return
    }
    this.#variationMs += BETA * (Math.abs(this.#smoothedMs - ms) - this.#variationMs)
    this.#smoothedMs += ALPHA * (ms - this.#smoothedMs)
  }

  /** No answer came in time. */
  expire(): void {
    if (this.timeoutMs < this.#longestMs) this.#backedOff *= 2
  }
}
