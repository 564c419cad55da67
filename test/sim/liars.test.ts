import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { LIES, type Lie } from '../../sim/liar.ts'
import { play } from '../../sim/play.ts'
import { storiesAmongLiars } from '../../sim/stories.ts'
import type { Ending, Story } from '../../sim/story.ts'

const STORIES_EACH = 2

/** Plays some stories in which up to a tenth of the nodes tells these lies. */
async function endingsAmong(lies: readonly Lie[]): Promise<Ending[]> {
  const drawn = fc.sample(fc.noBias(storiesAmongLiars), { numRuns: STORIES_EACH, seed: 1 })
  const told = drawn.map((story): Story => ({ ...story, liars: { count: story.liars?.count ?? 0, lies } }))
  const endings: Ending[] = []
  for (const story of told) endings.push(await play(story))
  return endings
}

describe('a shared ring in which up to a tenth of the nodes lies', () => {
  for (const lie of LIES) {
    test(`keeps one owner for each address, closes, and gives every honest host one, whoever lies by "${lie}"`, async () => {
      for (const { violations, unkept } of await endingsAmong([lie])) {
        assert.deepEqual(violations, [])
        assert.deepEqual(
          unkept.filter((promise) => promise === 'P6' || promise === 'P10'),
          [],
        )
      }
    })
  }
})
