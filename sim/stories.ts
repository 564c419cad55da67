/** Random stories that fast-check can shrink: it removes steps until the shortest failing story is left. */

import fc from 'fast-check'
import { LIES } from './liar.ts'
import { NAT_KINDS } from './nat.ts'
import { HOLDS } from './node-clock.ts'
import type { Fault, Step, Story } from './story.ts'

const who = fc.nat({ max: 999 })
const span = (min: number, max: number) => fc.integer({ min, max })

const fault: fc.Arbitrary<Fault> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('boot' as const), count: span(1, 6), nat: fc.constantFrom(...NAT_KINDS) }),
  },
  // A boot storm.
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('boot' as const),
      count: span(10, 20),
      nat: fc.constant('open' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('churn' as const),
      sessionMs: span(60_000, 600_000),
      forMs: span(5_000, 30_000),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('crash' as const, 'kill', 'leave'), who }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('hold' as const),
      who,
      hold: fc.constantFrom(...HOLDS),
      forMs: span(500, 90_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('suspend' as const),
      who,
      count: span(2, 8),
      hold: fc.constantFrom(...HOLDS),
      forMs: span(2_000, 150_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('partition' as const), bit: span(0, 31), forMs: span(3_000, 40_000) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('wall' as const), one: who, other: who, forMs: span(1_000, 30_000) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('one-way' as const), from: who, to: who, forMs: span(1_000, 60_000) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('weather' as const),
      loss: fc.constantFrom(0, 0.02, 0.05, 0.1),
      duplicate: fc.constantFrom(0, 0.05),
      reorder: fc.constantFrom(0, 0.05),
      delayMs: span(5, 300),
      forMs: span(1_000, 20_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('ocean' as const),
      burstMs: span(100, 800),
      everyMs: span(2_000, 20_000),
      forMs: span(3_000, 30_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('rebind' as const), who }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('restart' as const),
      who,
      how: fc.constantFrom('crash' as const, 'kill'),
      downMs: span(0, 20_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('full-disk' as const),
      who,
      forMs: span(1_000, 60_000),
      reboots: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('renew' as const, 'release'), who }) },
)

const step: fc.Arbitrary<Step> = fc.record({ afterMs: span(0, 3_000), fault })

const seed = fc.nat({ max: 2 ** 31 - 1 })
const natEvery = fc.constantFrom(0, 0, 4, 2)
const drift = fc.constantFrom(0, 0.01)
const leaseMs = fc.constantFrom(60_000, 600_000)
const steps = (of: fc.Arbitrary<Step>) => fc.array(of, { minLength: 4, maxLength: 24 })

const honestOf = (hosts: fc.Arbitrary<number>, one: fc.Arbitrary<Step>): fc.Arbitrary<Story> =>
  fc.record({ seed, hosts, natEvery, drift, leaseMs, steps: steps(one) })

/** Most stories are small, some large: 20 to 200 hosts. */
const honest = honestOf(
  fc.oneof(
    { weight: 60, arbitrary: span(20, 30) },
    { weight: 8, arbitrary: span(30, 80) },
    { weight: 1, arbitrary: span(80, 200) },
  ),
  step,
)

/** Faults that excuse two owners of one address, or may take an entry's majority away. */
const EXCUSING: readonly Fault['kind'][] = ['churn', 'suspend', 'partition']

/** With fewer hosts a tenth of the nodes would be more than one liar. */
const HOSTS_PER_LIAR = 9

/** Up to a tenth of the nodes lies; no fault excuses anything. */
export const storiesAmongLiars: fc.Arbitrary<Story> = fc
  .record({
    seed,
    hosts: span(18, 36),
    natEvery,
    drift,
    leaseMs,
    liars: fc.record({ count: span(1, 4), lies: fc.subarray([...LIES], { minLength: 1 }) }),
    steps: steps(step.filter(({ fault }) => !EXCUSING.includes(fault.kind))),
  })
  .map((story) => ({
    ...story,
    liars: { ...story.liars, count: Math.min(story.liars.count, Math.floor(story.hosts / HOSTS_PER_LIAR)) },
  }))

/** One story in twenty is played among liars: it takes three times as long. */
export const stories: fc.Arbitrary<Story> = fc.oneof(
  { weight: 19, arbitrary: honest },
  { weight: 1, arbitrary: storiesAmongLiars },
)

const overUdp = (of: fc.Arbitrary<Story>): fc.Arbitrary<Story> => of.map((story) => ({ ...story, over: 'udp' }))

/** Now and then nothing happens for a while: NATs forget who was silent, and sessions say that they are there. */
const stepOverUdp: fc.Arbitrary<Step> = fc.record({
  afterMs: fc.oneof({ weight: 8, arbitrary: span(0, 3_000) }, { weight: 1, arbitrary: span(10_000, 60_000) }),
  fault,
})

/** A host over UDP costs as much as four over links, so there are fewer. */
export const storiesOverUdp = overUdp(honestOf(span(8, 16), stepOverUdp))

export const storiesAmongLiarsOverUdp = overUdp(storiesAmongLiars)
