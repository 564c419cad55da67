/** A seeded random stream (sfc32): the seed decides every value. Not for secrets. */

import type { Random } from '../agent/core/random.ts'

export class SeededRandom implements Random {
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: number) {
    this.#a = seed >>> 0
    this.#b = Math.floor(seed / 2 ** 32) >>> 0
    this.#c = 0x9e3779b9
    for (let i = 0; i < 15; i++) this.#next()
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let i = 0; i < length; i++) bytes[i] = this.#next() & 255
    return bytes
  }

  float(): number {
    return this.#next() / 2 ** 32
  }

  below(bound: number): number {
    return bound <= 1 ? 0 : Math.floor(this.float() * bound)
  }

  /** An independent stream: draws from one do not shift the other. */
  fork(): SeededRandom {
    return new SeededRandom(this.#next() * 2 ** 20 + (this.#next() & 0xfffff))
  }

  #next(): number {
    const t = (this.#a + this.#b + this.#counter++) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + t
    return t >>> 0
  }
}
