import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import * as v from 'valibot'
import { storiesAt } from '../../sim/explore.ts'
import { play } from '../../sim/play.ts'
import { stories, storiesAmongLiarsOverUdp, storiesOverUdp } from '../../sim/stories.ts'
import type { Story } from '../../sim/story.ts'
import { storySchema } from '../../sim/story-schema.ts'

const QUIET: Story = { seed: 1, hosts: 8, natEvery: 2, drift: 0, leaseMs: 60_000, steps: [] }

describe('stories over UDP', () => {
  test('are one in fifty, or all when asked for, and among liars too', () => {
    const asked = (udp: boolean) => Array.from({ length: 100 }, (_, i) => storiesAt({ liars: false, udp }, i))
    const isUdp = (one: fc.Arbitrary<Story>) => one === storiesOverUdp
    assert.deepEqual(
      asked(false).flatMap((one, i) => (isUdp(one) ? [i] : [])),
      [49, 99],
    )
    assert.ok(asked(false).every((one) => isUdp(one) || one === stories))
    assert.ok(asked(true).every(isUdp))
    assert.equal(storiesAt({ liars: true, udp: true }, 0), storiesAmongLiarsOverUdp)
    for (const { over } of fc.sample(storiesOverUdp, { numRuns: 10, seed: 1 })) assert.equal(over, 'udp')
  })

  test('are told from stories over links by a word that older ones do not have', async () => {
    const old = v.parse(storySchema, JSON.parse(JSON.stringify(QUIET)))
    assert.deepEqual(await play(old), await play({ ...QUIET, over: 'links' }))
    assert.throws(() => v.parse(storySchema, { ...QUIET, over: 'pigeons' }))
    const overUdp = v.parse(storySchema, { ...QUIET, over: 'udp' })
    assert.notEqual((await play(overUdp)).framesDigest, (await play(old)).framesDigest)
  })

  test('end the same way each time, to the datagram', async () => {
    const story: Story = fc.sample(fc.noBias(storiesOverUdp), { numRuns: 1, seed: 1_000_004 })[0]!
    assert.deepEqual(await play(story), await play(story))
  })
})

describe('stories over UDP that once broke a promise, or seemed to', () => {
  for (const [what, story] of [
    [
      'hosts stand still, one of them loses its power, and starts again',
      {
        seed: 1075310330,
        hosts: 8,
        natEvery: 0,
        over: 'udp',
        drift: 0,
        leaseMs: 60000,
        steps: [
          { afterMs: 1798, fault: { kind: 'suspend', who: 253, count: 3, hold: 'stall', forMs: 62403 } },
          { afterMs: 13261, fault: { kind: 'restart', who: 554, how: 'crash', downMs: 8778 } },
        ],
      },
    ],
    [
      'two new neighbours behind NATs are linked through a relay in bad weather, and need longer for each answer than is thought',
      {
        seed: 2060417967,
        hosts: 11,
        natEvery: 0,
        over: 'udp',
        drift: 0,
        leaseMs: 60000,
        steps: [
          { afterMs: 50427, fault: { kind: 'leave', who: 607 } },
          { afterMs: 1088, fault: { kind: 'restart', who: 548, how: 'kill', downMs: 883 } },
          {
            afterMs: 621,
            fault: { kind: 'weather', loss: 0.1, duplicate: 0, reorder: 0.05, delayMs: 217, forMs: 11947 },
          },
          { afterMs: 2948, fault: { kind: 'boot', count: 3, nat: 'symmetric' } },
          { afterMs: 652, fault: { kind: 'full-disk', who: 554, forMs: 4710, reboots: true } },
          { afterMs: 325, fault: { kind: 'rebind', who: 983 } },
          {
            afterMs: 1509,
            fault: { kind: 'weather', loss: 0.05, duplicate: 0, reorder: 0.05, delayMs: 282, forMs: 19123 },
          },
          { afterMs: 804, fault: { kind: 'churn', sessionMs: 580779, forMs: 12690 } },
          { afterMs: 2343, fault: { kind: 'leave', who: 504 } },
          { afterMs: 2646, fault: { kind: 'boot', count: 3, nat: 'cone' } },
          { afterMs: 780, fault: { kind: 'rebind', who: 165 } },
          { afterMs: 1140, fault: { kind: 'churn', sessionMs: 437372, forMs: 8269 } },
          { afterMs: 2098, fault: { kind: 'rebind', who: 678 } },
          { afterMs: 25080, fault: { kind: 'release', who: 58 } },
          { afterMs: 2398, fault: { kind: 'crash', who: 85 } },
          { afterMs: 864, fault: { kind: 'kill', who: 744 } },
          { afterMs: 1951, fault: { kind: 'ocean', burstMs: 197, everyMs: 14417, forMs: 27318 } },
        ],
      },
    ],
  ] satisfies [string, Story][]) {
    test(what, async () => {
      assert.deepEqual((await play(story)).violations, [])
    })
  }
})
