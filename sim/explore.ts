/**
 * Random stories by number: the same seed and number give the same story everywhere, so workers can share the stories.
 *
 * A story that breaks a promise is shrunk: steps and hosts are removed while it still breaks one, for at most
 * `SHRINK_MS`.
 */

import fc from 'fast-check'
import { messageOf } from '../agent/core/errors.ts'
import { play } from './play.ts'
import { stories, storiesAmongLiars, storiesAmongLiarsOverUdp, storiesOverUdp } from './stories.ts'
import type { Ending, Story } from './story.ts'

/** A failing story is shrunk for at most this long, ms of real time. */
const SHRINK_MS = 120_000
/** Large, so that seed 2 does not give seed 1's stories shifted by one. */
const SEED_STRIDE = 1_000_003

/** One story in so many is over UDP. The others are what they would be without it. */
const UDP_EVERY = 50

/** Which stories are played. */
export interface Choice {
  /** A tenth of the hosts lies. */
  readonly liars: boolean
  /** All are over UDP. */
  readonly udp: boolean
}

export interface Failure {
  /** Number of the story before shrinking. */
  readonly number: number
  /** The shortest story found that still breaks a promise. */
  readonly story: Story
  readonly violations: readonly string[]
  /** How many times something could be removed. */
  readonly shrunk: number
}

export interface Played {
  readonly number: number
  /** Undefined when the story broke a promise. */
  readonly ending: Ending | undefined
  readonly failure: Failure | undefined
}

/** Plays story `number` of `seed`; those of another choice are others. */
export async function explore(seed: number, number: number, choice: Choice): Promise<Played> {
  let shortest: { story: Story; violations: readonly string[] } | undefined
  let ending: Ending | undefined
  const property = fc.asyncProperty(fc.noBias(storiesAt(choice, number)), async (story) => {
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

/** What story `number` is drawn from. */
export function storiesAt({ liars, udp }: Choice, number: number): fc.Arbitrary<Story> {
  if (liars) return udp ? storiesAmongLiarsOverUdp : storiesAmongLiars
  return udp || number % UDP_EVERY === UDP_EVERY - 1 ? storiesOverUdp : stories
}

/** What a story violates. An exception out of the code is a violation too. */
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
