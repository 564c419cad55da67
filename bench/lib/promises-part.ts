/** `make bench-ring PARTS=promises`: what docs/guarantees.md promises to sleepers, oceans and strangers, as figures. */

import { say, step } from '../../scripts/lib/progress.ts'
import type { Hold } from '../../sim/node-clock.ts'
import type { Curve } from './cdf-plot.ts'
import { changesOf, measureHandover } from './handover-experiment.ts'
import { type Meeting, measureMeeting } from './meeting-experiment.ts'
import { type Created, measureCreates, OCEAN } from './ocean-experiment.ts'
import { quantile, summarize } from './quantiles.ts'
import { measureGhost, measureSleeper, type Napped, PACKET_EVERY_MS, type Woken } from './sleep-experiments.ts'
import { atMost, type Target, under } from './targets.ts'

const SLEEPS = 200
/** A machine that its host paused knows nothing of it: what it sends is measured, and no target. */
const PAUSES = 40
const GHOSTS = 200
const MEETINGS_EACH = 50
const MOST_CLOSED = 200
const MEETINGS: readonly Meeting[] = [
  ...[0, 30, 70, MOST_CLOSED].map((closedLinks) => ({ closedLinks, given: 'all' as const, others: 1 })),
  ...[0, MOST_CLOSED].map((closedLinks) => ({ closedLinks, given: 'one' as const, others: 10 })),
]
const CREATES = { hosts: 60, seeds: 5, each: 40 }
/** Entries; each number is twice the one before. */
const HANDOVERS = [8_192, 16_384, 32_768]
const HANDOVERS_EACH = 5
const SAID_EVERY = 50

/** One experiment's share of the part. */
interface Share {
  readonly targets: readonly Target[]
  readonly figures: object
  readonly curves: readonly Curve[]
}

export async function promises(): Promise<Share> {
  const shares = [
    // CPU time first: a heap full of virtual rings makes it longer.
    await step('entries are handed over', async () => handovers()),
    await step(`${SLEEPS} nodes sleep or are stopped, ${PAUSES} are paused`, sleepers),
    await step(`the replicas of ${GHOSTS} addresses are suspended`, ghosts),
    await step(`${MEETINGS.length * MEETINGS_EACH} times two rings meet`, meetings),
    await step(`${CREATES.seeds * CREATES.each} creates across an ocean`, creates),
  ]
  return {
    targets: shares.flatMap(({ targets }) => targets),
    figures: Object.assign({}, ...shares.map(({ figures }) => figures)),
    curves: shares.flatMap(({ curves }) => curves),
  }
}

/** In virtual time a machine that sleeps and a process that is stopped differ in nothing: the clock counts both. */
const holdOf = (seed: number): Hold => (Math.floor(seed / 2) % 2 === 0 ? 'sleep' : 'stall')

async function sleepers(): Promise<Share> {
  const slept = await eachSeed(SLEEPS, (seed) => measureSleeper(seed, holdOf(seed)))
  const paused = await eachSeed(PAUSES, (seed) => measureSleeper(seed, 'freeze'))
  const firstMs = slept.map(({ napped }) => napped.firstPacketMs)
  const unasked = slept.filter(({ napped }) => !napped.asked).length
  return {
    targets: [
      atMost("packets with another's address after a sleep past the lease", '', 0, packetsOf(slept)),
      atMost("longest time with another's address after such a sleep", 'ms', 0, longestOf(slept)),
      atMost('sleepers that sent before they asked', '', 0, unasked),
    ],
    figures: {
      sleepers: {
        seeds: SLEEPS,
        packetEveryMs: PACKET_EVERY_MS,
        foreignPackets: packetsOf(slept),
        longestForeignMs: longestOf(slept),
        asked: { yes: slept.length - unasked, no: unasked },
        firstPacketMs: summarize(firstMs),
      },
      paused: {
        seeds: PAUSES,
        nodesThatSent: paused.filter(({ woken }) => woken.foreignPackets > 0).length,
        foreignMs: summarize(paused.map(({ woken }) => woken.foreignMs)),
      },
    },
    curves: [{ title: `waking to the first packet, ${SLEEPS} naps`, values: firstMs }],
  }
}

type Slept = { readonly woken: Woken; readonly napped: Napped }

const packetsOf = (slept: readonly Slept[]) => slept.reduce((sum, { woken }) => sum + woken.foreignPackets, 0)
const longestOf = (slept: readonly Slept[]) => Math.max(...slept.map(({ woken }) => woken.foreignMs))

async function ghosts(): Promise<Share> {
  const losses = await eachSeed(GHOSTS, (seed) => measureGhost(seed, seed % 2 === 1 ? 'sleep' : 'freeze'))
  const lost = losses.flatMap((isLost, i) => (isLost ? [i + 1] : []))
  return {
    targets: [atMost('living owners that lost to suspended replicas', '', 0, lost.length)],
    figures: { suspendedReplicas: { seeds: GHOSTS, lost: lost.length, seedsOfLosses: lost } },
    curves: [],
  }
}

async function meetings(): Promise<Share> {
  const met: { meeting: Meeting; ms: number[] }[] = []
  for (const meeting of MEETINGS) {
    met.push({ meeting, ms: await eachSeed(MEETINGS_EACH, (seed) => measureMeeting(meeting, seed)) })
  }
  return {
    targets: met.map(({ meeting, ms }) => atMost(`${titleOf(meeting)}, p99`, 'ms', 60_000, quantile(ms, 0.99))),
    figures: {
      meetings: met.map(({ meeting, ms }) => ({
        ...meeting,
        seeds: MEETINGS_EACH,
        ...summarize(ms),
        p99: quantile(ms, 0.99),
        worstSeed: ms.indexOf(Math.max(...ms)) + 1,
      })),
    },
    curves: met
      .filter(({ meeting }) => meeting.closedLinks === MOST_CLOSED)
      .map(({ meeting, ms }) => ({ title: titleOf(meeting), values: ms, target: { at: 60_000, label: 'p99 below' } })),
  }
}

function titleOf({ closedLinks, given }: Meeting): string {
  return `rings one, ${closedLinks} links closed before, ${given} given`
}

async function creates(): Promise<Share> {
  const seeds = await eachSeed(CREATES.seeds, (seed) => measureCreates(CREATES.hosts, CREATES.each, seed))
  const all: Created[] = seeds.flat()
  const tookMs = all.map(({ tookMs }) => tookMs)
  const won = all.filter((created) => created.won).length
  return {
    targets: [
      atMost('creates across an ocean that were not won', '', 0, all.length - won),
      atMost('create across an ocean, p90', 'ms', 3_000, quantile(tookMs, 0.9)),
    ],
    figures: { creates: { ...CREATES, ...OCEAN, won, tookMs: summarize(tookMs) } },
    curves: [
      { title: 'a create, 300 ms one way, 2 % lost', values: tookMs, target: { at: 3_000, label: 'p90 below' } },
    ],
  }
}

/** Real CPU time, so these figures differ from one machine to the next. */
function handovers(): Share {
  const changes = changesOf(Math.max(...HANDOVERS))
  measureHandover(changes)
  const medians = HANDOVERS.map((entries) => {
    const some = changes.slice(0, entries)
    return quantile(
      Array.from({ length: HANDOVERS_EACH }, () => measureHandover(some)),
      0.5,
    )
  })
  const growth = (medians.at(-1)! / medians[0]!) ** (1 / (HANDOVERS.length - 1))
  return {
    targets: [
      under(`CPU of a handover of ${HANDOVERS.at(-1)} entries`, 'ms', 1_000, medians.at(-1)!),
      under('CPU of a handover, each time the entries double, mean', 'times', 2.5, growth),
    ],
    figures: { handovers: HANDOVERS.map((entries, i) => ({ entries, cpuMs: medians[i] })), handoverGrowth: growth },
    curves: [],
  }
}

/** Measures with seeds 1 to `count`. */
async function eachSeed<T>(count: number, measure: (seed: number) => Promise<T>): Promise<T[]> {
  const measured: T[] = []
  for (let seed = 1; seed <= count; seed++) {
    measured.push(await measure(seed))
    if (seed % SAID_EVERY === 0) say(`    ${seed} of ${count}`)
  }
  return measured
}
