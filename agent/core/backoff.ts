/** A retry pause that doubles after each failure, up to a maximum, and starts over after a success. */

export class Backoff {
  readonly #minMs: number
  readonly #maxMs: number
  readonly #factor: number
  #pauseMs: number

  /** Pauses in ms; each is `factor` times the one before. */
  constructor({ minMs, maxMs, factor = 2 }: { minMs: number; maxMs: number; factor?: number }) {
    this.#minMs = minMs
    this.#maxMs = maxMs
    this.#factor = factor
    this.#pauseMs = minMs
  }

  /** The current pause, ms. */
  get pauseMs(): number {
    return this.#pauseMs
  }

  /** Returns the current pause, ms, and lengthens the next one. */
  next(): number {
    const pauseMs = this.#pauseMs
    this.#pauseMs = Math.min(pauseMs * this.#factor, this.#maxMs)
    return pauseMs
  }

  reset(): void {
    this.#pauseMs = this.#minMs
  }
}
