import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { stories } from '../../scripts/sim/stories.ts'
import { play, type Story } from '../../scripts/sim/story.ts'

/** `STORIES=1000 STORY_SEED=7` looks longer, or elsewhere. */
const RUNS = Number(process.env.STORIES ?? 60)
const SEED = Number(process.env.STORY_SEED ?? 1)

describe('stories of faults', () => {
  test(`${RUNS} random stories keep every promise`, async () => {
    await fc.assert(
      fc.asyncProperty(stories, async (story) => {
        const { violations } = await play(story)
        assert.deepEqual(violations, [], JSON.stringify(story))
      }),
      { numRuns: RUNS, seed: SEED, interruptAfterTimeLimit: 20 * 60_000, markInterruptAsFailure: false },
    )
  })

  test('the same story ends the same way', async () => {
    const story: Story = fc.sample(stories, { numRuns: 1, seed: 42 })[0]!
    assert.deepEqual(await play(story), await play(story))
  })

  test('a relayed link between two nodes behind NATs outlives attempts to replace it', async () => {
    // Once the attempt itself went through the relay, took the place of the link that stood, and was closed.
    const story: Story = {
      seed: 5,
      hosts: 24,
      natEvery: 2,
      drift: 0,
      leaseMs: 600_000,
      steps: [{ afterMs: 20_000, fault: { kind: 'boot', count: 1, nat: 'symmetric' } }],
    }
    assert.deepEqual((await play(story)).violations, [])
  })
})
