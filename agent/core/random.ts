/** Randomness as an interface: the operating system's in the agent, a seeded stream in the simulator. */

import { randomBytes, randomInt } from 'node:crypto'

export interface Random {
  bytes(length: number): Uint8Array
  /** Uniform in [0, 1). */
  float(): number
  /** Uniform integer in [0, bound); `bound` is at most 2^48. */
  below(bound: number): number
}

export class SystemRandom implements Random {
  bytes(length: number): Uint8Array {
    return new Uint8Array(randomBytes(length))
  }

  float(): number {
    return randomInt(2 ** 48 - 1) / 2 ** 48
  }

  below(bound: number): number {
    return bound <= 1 ? 0 : randomInt(bound)
  }
}
