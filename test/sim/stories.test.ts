import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { play } from '../../sim/play.ts'
import { stories } from '../../sim/stories.ts'
import type { Story } from '../../sim/story.ts'

/** `STORIES=10000` plays more stories, `STORY_SEED=7` other ones. */
const COUNT = process.env.STORIES ?? '1000'
const SEED = process.env.STORY_SEED ?? '1'

const WOW = fileURLToPath(new URL('../../build/wow.mjs', import.meta.url))

/** Runs the built command; the simulator is a program beside it. */
async function runWow(argv: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [WOW, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] })
  const code = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { code: await code, stdout, stderr }
}

const QUIET: Story = { seed: 1, hosts: 20, natEvery: 0, drift: 0, leaseMs: 60_000, steps: [] }

describe('stories of faults', () => {
  test(`${COUNT} random stories keep every promise`, async () => {
    const { code, stdout } = await runWow(['sim', '--stories', COUNT, '--seed', SEED])
    assert.equal(code, 0, stdout)
  })

  test('the same story ends the same way', async () => {
    const story: Story = fc.sample(stories, { numRuns: 1, seed: 42 })[0]!
    assert.deepEqual(await play(story), await play(story))
  })

  test('a promise that is broken is seen: clocks that are further off than assumed outlive their entries', async () => {
    const { violations } = await play({ ...QUIET, drift: 0.1 })
    assert.match(violations.join('\n'), /outlives its entry/)
  })

  test('a relayed link between two nodes behind NATs outlives attempts to replace it', async () => {
    // A defect once: the attempt itself went through the relay, replaced the working link, and was closed.
    const fault = { kind: 'boot', count: 1, nat: 'symmetric' } as const
    const story: Story = {
      ...QUIET,
      seed: 5,
      hosts: 24,
      natEvery: 2,
      leaseMs: 600_000,
      steps: [{ afterMs: 20_000, fault }],
    }
    assert.deepEqual((await play(story)).violations, [])
  })
})

describe('stories that once broke a promise, or seemed to', () => {
  for (const [what, story] of [
    [
      'hosts fall asleep together that alone had taken the last renewal of a lease',
      {
        seed: 680803,
        hosts: 27,
        natEvery: 2,
        drift: 0,
        leaseMs: 600000,
        steps: [
          { afterMs: 0, fault: { kind: 'suspend', who: 733, count: 3, hold: 'sleep', forMs: 16235 } },
          { afterMs: 181, fault: { kind: 'boot', count: 1, nat: 'cone' } },
          { afterMs: 748, fault: { kind: 'boot', count: 6, nat: 'outgoing' } },
          { afterMs: 1981, fault: { kind: 'wall', one: 217, other: 720, forMs: 23185 } },
        ],
      },
    ],
    [
      'three sub-keys take a lease in ten seconds, in which the replicas of the first die together',
      {
        seed: 1173479443,
        hosts: 24,
        natEvery: 0,
        drift: 0,
        leaseMs: 600000,
        steps: [
          { afterMs: 134, fault: { kind: 'kill', who: 734 } },
          { afterMs: 1740, fault: { kind: 'ocean', burstMs: 525, everyMs: 11565, forMs: 29723 } },
          { afterMs: 466, fault: { kind: 'boot', count: 1, nat: 'symmetric' } },
          { afterMs: 1933, fault: { kind: 'churn', sessionMs: 462904, forMs: 25506 } },
          { afterMs: 2668, fault: { kind: 'boot', count: 4, nat: 'outgoing' } },
          { afterMs: 603, fault: { kind: 'rebind', who: 665 } },
          { afterMs: 1245, fault: { kind: 'full-disk', who: 478, forMs: 20765, reboots: true } },
          { afterMs: 952, fault: { kind: 'boot', count: 20, nat: 'open' } },
          { afterMs: 1285, fault: { kind: 'restart', who: 808, how: 'crash', downMs: 13524 } },
          { afterMs: 1855, fault: { kind: 'renew', who: 37 } },
          { afterMs: 1746, fault: { kind: 'partition', bit: 31, forMs: 6395 } },
          { afterMs: 1049, fault: { kind: 'rebind', who: 788 } },
          { afterMs: 1933, fault: { kind: 'wall', one: 737, other: 699, forMs: 11679 } },
          { afterMs: 345, fault: { kind: 'churn', sessionMs: 71217, forMs: 22820 } },
          { afterMs: 2314, fault: { kind: 'renew', who: 552 } },
          { afterMs: 1579, fault: { kind: 'kill', who: 697 } },
          { afterMs: 2955, fault: { kind: 'restart', who: 870, how: 'kill', downMs: 14395 } },
          { afterMs: 2537, fault: { kind: 'hold', who: 889, hold: 'sleep', forMs: 46371 } },
        ],
      },
    ],
    [
      'a claim that one replica took while the ring changed comes home when another one has been accepted',
      { ...QUIET, seed: 2620586, hosts: 25, natEvery: 2 },
    ],
    [
      'hosts come in where one that came lately has died, between neighbours that have not met yet',
      {
        seed: 1925493315,
        hosts: 38,
        natEvery: 0,
        drift: 0.01,
        leaseMs: 60000,
        steps: [
          { afterMs: 2206, fault: { kind: 'crash', who: 950 } },
          { afterMs: 709, fault: { kind: 'leave', who: 140 } },
          { afterMs: 524, fault: { kind: 'boot', count: 6, nat: 'outgoing' } },
          { afterMs: 2361, fault: { kind: 'boot', count: 5, nat: 'symmetric' } },
        ],
      },
    ],
    [
      'both replicas of half a lease die, and a node further away still has what it answered for before',
      {
        seed: 1567048,
        hosts: 23,
        natEvery: 0,
        drift: 0,
        leaseMs: 600000,
        steps: [
          { afterMs: 0, fault: { kind: 'crash', who: 580 } },
          { afterMs: 1718, fault: { kind: 'partition', bit: 16, forMs: 18613 } },
          { afterMs: 739, fault: { kind: 'boot', count: 6, nat: 'open' } },
          { afterMs: 1704, fault: { kind: 'kill', who: 649 } },
          { afterMs: 1561, fault: { kind: 'boot', count: 4, nat: 'open' } },
          { afterMs: 620, fault: { kind: 'kill', who: 104 } },
          { afterMs: 2821, fault: { kind: 'wall', one: 917, other: 938, forMs: 1280 } },
          { afterMs: 490, fault: { kind: 'partition', bit: 22, forMs: 5127 } },
          { afterMs: 71, fault: { kind: 'churn', sessionMs: 64097, forMs: 19032 } },
          { afterMs: 2398, fault: { kind: 'boot', count: 6, nat: 'outgoing' } },
          { afterMs: 146, fault: { kind: 'kill', who: 331 } },
          { afterMs: 2553, fault: { kind: 'hold', who: 850, hold: 'stall', forMs: 82038 } },
          { afterMs: 2776, fault: { kind: 'churn', sessionMs: 220013, forMs: 16165 } },
          { afterMs: 2322, fault: { kind: 'hold', who: 940, hold: 'stall', forMs: 56729 } },
          { afterMs: 2136, fault: { kind: 'boot', count: 3, nat: 'outgoing' } },
        ],
      },
    ],
    [
      'six hosts come in between a lease and its entry at one moment, and the other replica stands still',
      {
        seed: 1607286004,
        hosts: 25,
        natEvery: 0,
        drift: 0.01,
        leaseMs: 600000,
        steps: [
          { afterMs: 19, fault: { kind: 'crash', who: 450 } },
          { afterMs: 2903, fault: { kind: 'boot', count: 1, nat: 'outgoing' } },
          { afterMs: 1264, fault: { kind: 'kill', who: 232 } },
          { afterMs: 2722, fault: { kind: 'boot', count: 6, nat: 'open' } },
          { afterMs: 99, fault: { kind: 'hold', who: 978, hold: 'stall', forMs: 53201 } },
          { afterMs: 2742, fault: { kind: 'hold', who: 975, hold: 'stall', forMs: 87754 } },
          { afterMs: 331, fault: { kind: 'churn', sessionMs: 553833, forMs: 12464 } },
          { afterMs: 910, fault: { kind: 'partition', bit: 17, forMs: 20115 } },
          { afterMs: 2261, fault: { kind: 'release', who: 656 } },
        ],
      },
    ],
    [
      'a lease is given back while the answers to its renewal are on their way',
      {
        seed: 2081218792,
        hosts: 21,
        natEvery: 2,
        drift: 0.01,
        leaseMs: 60000,
        steps: [
          {
            afterMs: 1374,
            fault: { kind: 'weather', loss: 0.05, duplicate: 0, reorder: 0.05, delayMs: 199, forMs: 8255 },
          },
          { afterMs: 1923, fault: { kind: 'wall', one: 519, other: 436, forMs: 20808 } },
          { afterMs: 2855, fault: { kind: 'release', who: 407 } },
          { afterMs: 658, fault: { kind: 'crash', who: 646 } },
          { afterMs: 1376, fault: { kind: 'kill', who: 262 } },
          { afterMs: 442, fault: { kind: 'renew', who: 266 } },
          { afterMs: 541, fault: { kind: 'release', who: 842 } },
          { afterMs: 2556, fault: { kind: 'wall', one: 162, other: 599, forMs: 2564 } },
          { afterMs: 2800, fault: { kind: 'churn', sessionMs: 468738, forMs: 23886 } },
        ],
      },
    ],
    [
      'a link that is dead in one direction is not kept alive by those that are to replace it',
      {
        seed: 473190754,
        hosts: 21,
        natEvery: 0,
        drift: 0,
        leaseMs: 60000,
        steps: [
          { afterMs: 0, fault: { kind: 'crash', who: 439 } },
          {
            afterMs: 1265,
            fault: { kind: 'weather', loss: 0, duplicate: 0.05, reorder: 0, delayMs: 166, forMs: 8650 },
          },
          { afterMs: 35, fault: { kind: 'kill', who: 360 } },
          { afterMs: 368, fault: { kind: 'boot', count: 20, nat: 'open' } },
          { afterMs: 1432, fault: { kind: 'kill', who: 891 } },
          { afterMs: 2933, fault: { kind: 'leave', who: 626 } },
          { afterMs: 644, fault: { kind: 'hold', who: 202, hold: 'sleep', forMs: 33402 } },
          { afterMs: 1543, fault: { kind: 'partition', bit: 20, forMs: 24209 } },
          { afterMs: 3, fault: { kind: 'partition', bit: 18, forMs: 25013 } },
          { afterMs: 121, fault: { kind: 'wall', one: 27, other: 677, forMs: 18288 } },
          { afterMs: 2073, fault: { kind: 'wall', one: 650, other: 573, forMs: 10405 } },
        ],
      },
    ],
    [
      'a replica that missed how a lease was given back does not put it in place of the next one',
      {
        seed: 628298276,
        hosts: 21,
        natEvery: 2,
        drift: 0.01,
        leaseMs: 60000,
        steps: [
          {
            afterMs: 282,
            fault: { kind: 'weather', loss: 0.05, duplicate: 0.05, reorder: 0.05, delayMs: 141, forMs: 12965 },
          },
          { afterMs: 1810, fault: { kind: 'boot', count: 3, nat: 'cone' } },
          { afterMs: 221, fault: { kind: 'churn', sessionMs: 180286, forMs: 24584 } },
          { afterMs: 2991, fault: { kind: 'release', who: 95 } },
          { afterMs: 1442, fault: { kind: 'hold', who: 74, hold: 'stall', forMs: 34461 } },
          { afterMs: 2476, fault: { kind: 'kill', who: 470 } },
          { afterMs: 2631, fault: { kind: 'hold', who: 489, hold: 'stall', forMs: 68691 } },
          { afterMs: 517, fault: { kind: 'boot', count: 5, nat: 'symmetric' } },
          { afterMs: 2804, fault: { kind: 'churn', sessionMs: 463073, forMs: 21888 } },
          { afterMs: 2399, fault: { kind: 'renew', who: 129 } },
          { afterMs: 1578, fault: { kind: 'hold', who: 985, hold: 'sleep', forMs: 43892 } },
          {
            afterMs: 1119,
            fault: { kind: 'weather', loss: 0.1, duplicate: 0.05, reorder: 0.05, delayMs: 219, forMs: 5697 },
          },
          { afterMs: 850, fault: { kind: 'boot', count: 18, nat: 'open' } },
          { afterMs: 1482, fault: { kind: 'boot', count: 3, nat: 'symmetric' } },
        ],
      },
    ],
    [
      'a host that slept is told so once, not again on a later link',
      {
        seed: 1622567069,
        hosts: 20,
        natEvery: 2,
        drift: 0.01,
        leaseMs: 600000,
        steps: [
          { afterMs: 826, fault: { kind: 'kill', who: 0 } },
          { afterMs: 834, fault: { kind: 'crash', who: 533 } },
          { afterMs: 264, fault: { kind: 'wall', one: 128, other: 370, forMs: 9914 } },
          { afterMs: 826, fault: { kind: 'partition', bit: 2, forMs: 7717 } },
          { afterMs: 446, fault: { kind: 'hold', who: 78, hold: 'stall', forMs: 34168 } },
          { afterMs: 837, fault: { kind: 'release', who: 607 } },
          { afterMs: 2060, fault: { kind: 'kill', who: 1 } },
          { afterMs: 2079, fault: { kind: 'hold', who: 622, hold: 'stall', forMs: 31979 } },
          { afterMs: 1716, fault: { kind: 'churn', sessionMs: 407210, forMs: 23871 } },
          { afterMs: 1084, fault: { kind: 'boot', count: 1, nat: 'cone' } },
          { afterMs: 2522, fault: { kind: 'leave', who: 928 } },
        ],
      },
    ],
  ] satisfies [string, Story][]) {
    test(what, async () => {
      assert.deepEqual((await play(story)).violations, [])
    })
  }
})

describe('wow sim', () => {
  test('tells what a replayed story breaks, and ends with 1', async () => {
    const broken = await runWow(['sim', '--json', '--replay', JSON.stringify({ ...QUIET, drift: 0.1 })])
    assert.equal(broken.code, 1)
    assert.match(JSON.parse(broken.stdout).violations[0], /outlives its entry/)
    const kept = await runWow(['sim', '--replay', JSON.stringify(QUIET)])
    assert.deepEqual([kept.code, kept.stdout], [0, 'Every promise kept.\n'])
  })

  test('plays the same stories on one thread and on two', async () => {
    const run = async (jobs: string) => {
      const { stdout } = await runWow(['sim', '--stories', '3', '--seed', '5', '--jobs', jobs, '--json'])
      const { tookMs: _, ...rest } = JSON.parse(stdout)
      return rest
    }
    const one = await run('1')
    assert.equal(one.stories, 3)
    assert.deepEqual(one, await run('2'))
  })

  test('ends when it is asked to, in the middle of a story', async () => {
    const story = JSON.stringify({ ...QUIET, hosts: 2_000 })
    const child = spawn(process.execPath, [WOW, 'sim', '--replay', story], { stdio: 'ignore' })
    await sleep(2_000)
    child.kill('SIGTERM')
    const [code] = await once(child, 'exit')
    assert.notEqual(code, 0)
  })

  test('names what is wrong with a story or an option, and ends with 2', async () => {
    for (const [argv, message] of [
      [['--replay', '{"hosts":1}'], /--replay is no story/],
      [['--replay', 'once upon a time'], /--replay is no story/],
      [['--stories', '0'], /--stories/],
      [['--jobs', 'many'], /whole number/],
    ] as const) {
      const { code, stderr } = await runWow(['sim', ...argv])
      assert.equal(code, 2)
      assert.match(stderr, message)
    }
  })
})
