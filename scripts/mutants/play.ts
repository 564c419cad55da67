/** Plays random stories in a tree with a mutant until one breaks a promise: exit code 1, and its number on stdout. */

import fc from 'fast-check'
import { violationsOf } from '../../sim/explore.ts'
import { stories } from '../../sim/stories.ts'

const [seed, count] = process.argv.slice(2).map(Number) as [number, number]
let number = 0

/** The story breaks a promise, or the product throws in it. */
function caught(): never {
  process.stdout.write(`${number}\n`)
  process.exit(1)
}

process.on('uncaughtException', caught)
for (; number < count; number++) {
  const [story] = fc.sample(fc.noBias(stories), { seed: seed * 1_000_003 + number, numRuns: 1 })
  if ((await violationsOf(story!)).length > 0) caught()
}
process.exit()
