/**
 * Random stories by number: the same seed and number give the same story everywhere, so that workers share the work.
 *
 * A story that breaks a promise is shrunk: steps and hosts are taken away while it still does, until `SHRINK_MS` is over.
 */

import fc from 'fast-check'
import { messageOf } from '../agent/core/errors.ts'
import { play } from './play.ts'
import { stories } from './stories.ts'
import type { Ending, Story } from './story.ts'

/** How long a failing story is shrunk at most, ms of true time. */
const SHRINK_MS = 120_000
/** Far apart, so that the stories of seed 1 and those of seed 2 are not the same but for one place. */
const SEED_STRIDE = 1_000_003

export interface Failure {
  /** The story as it came, by its number. */
  readonly number: number
  /** The shortest found that still breaks a promise. */
  readonly story: Story
  readonly violations: readonly string[]
  /** How often something could be taken away. */
  readonly shrunk: number
}

export interface Played {
  readonly number: number
  /** undefined when it broke a promise. */
  readonly ending: Ending | undefined
  readonly failure: Failure | undefined
}

/** Plays story `number` of `seed`. */
export async function explore(seed: number, number: number): Promise<Played> {
  let shortest: { story: Story; violations: readonly string[] } | undefined
  let ending: Ending | undefined
  const property = fc.asyncProperty(fc.noBias(stories), async (story) => {
    const violations = await violationsOf(story, (end) => {
      ending ??= end
    })
    if (violations.length > 0) shortest = { story, violations }
    return violations.length === 0
  })
  const details = await fc.check(property, {
    seed: (seed * SEED_STRIDE + number) % 2 ** 31,
    numRuns: 1,
    interruptAfterTimeLimit: SHRINK_MS,
  })
  if (shortest === undefined) return { number, ending, failure: undefined }
  return { number, ending: undefined, failure: { number, ...shortest, shrunk: details.numShrinks } }
}

/** What a story breaks; a defect that throws out of the code breaks it too. */
export async function violationsOf(
  story: Story,
  ended: (ending: Ending) => void = () => {},
): Promise<readonly string[]> {
  try {
    const ending = await play(story)
    if (ending.violations.length === 0) ended(ending)
    return ending.violations
  } catch (error) {
    return [`the code threw: ${messageOf(error)}`]
  }
}
