/** Computes how long to wait for an answer from the round trips measured so far (RFC 6298 section 2). */

/** Weights of a new sample in the mean and in the variation. */
const ALPHA = 1 / 8
const BETA = 1 / 4
/** Weight of the variation in the timeout. */
const K = 4

export class RoundTrip {
  readonly #firstMs: number
  readonly #longestMs: number
  #smoothedMs: number | undefined
  #variationMs = 0
  /** Factor by which timeouts have doubled since the last sample (section 5.5). Without it a slower peer is never measured. */
  #backedOff = 1

  /** `firstMs`: the timeout before the first sample. `longestMs`: the longest timeout. */
  constructor({ firstMs, longestMs }: { firstMs: number; longestMs: number }) {
    this.#firstMs = firstMs
    this.#longestMs = longestMs
  }

  /** The timeout now, ms. */
  get timeoutMs(): number {
    const measuredMs = this.#smoothedMs === undefined ? this.#firstMs : this.#smoothedMs + K * this.#variationMs
    return Math.min(measuredMs * this.#backedOff, this.#longestMs)
  }

  /** The mean round trip, ms; undefined before the first sample. */
  get smoothedMs(): number | undefined {
    return this.#smoothedMs
  }

  /** Adds a sample, ms. */
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

  /** No answer came in time: doubles the timeout. */
  expire(): void {
    if (this.timeoutMs < this.#longestMs) this.#backedOff *= 2
  }
}
