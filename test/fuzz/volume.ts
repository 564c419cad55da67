/** How much is fuzzed: over a million messages in all. `FUZZ=10` sends ten times as many, `FUZZ_SEED=7` other ones. */

import { SeededRandom } from '../../sim/seeded-random.ts'

const SCALE = Number(process.env.FUZZ ?? 1)
const SEED = Number(process.env.FUZZ_SEED ?? 1)

export function messages(count: number): number {
  return Math.ceil(count * SCALE)
}

/** One test's random stream. */
export function randomOf(test: number): SeededRandom {
  return new SeededRandom(SEED * 1_000 + test)
}
