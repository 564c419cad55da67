/** A pause that doubles from failure to failure up to a longest one, and begins anew after a success. */

export class Backoff {
  readonly #minMs: number
  readonly #maxMs: number
  readonly #factor: number
  #pauseMs: number

  /** Pauses in ms; `factor`: how much longer each is than the one before. */
  constructor({ minMs, maxMs, factor = 2 }: { minMs: number; maxMs: number; factor?: number }) {
    this.#minMs = minMs
    this.#maxMs = maxMs
    this.#factor = factor
    this.#pauseMs = minMs
  }

  /** The pause that is due now, ms. */
  get pauseMs(): number {
    return this.#pauseMs
  }

  /** Takes the pause that is due now, ms; the next one is longer. */
  next(): number {
    const pauseMs = this.#pauseMs
    this.#pauseMs = Math.min(pauseMs * this.#factor, this.#maxMs)
    return pauseMs
  }

  reset(): void {
    this.#pauseMs = this.#minMs
  }
}
