/**
 * `make bench-nat`: how two nodes of a ring over UDP get through their NATs, in virtual time: for each pair of kinds, the
 * share of direct links, the time to the first answer, and the time from there to a direct link.
 *
 *   TRIES=100 npx tsx bench/nat.ts
 *
 * Lines take 5 to 40 ms one way and lose 1 in 100 datagrams. Writes bench/results/nat.json, .svg and .md.
 */

import { run } from '../scripts/lib/main.ts'
import { step } from '../scripts/lib/progress.ts'
import { columns, markdownTable } from '../scripts/lib/table.ts'
import { barsPlot } from './lib/bars-plot.ts'
import { wholeNumber } from './lib/environment.ts'
import { NatTries, type NatTry, PLACES, type Place } from './lib/nat-tries.ts'
import { summarize } from './lib/quantiles.ts'
import { writeResults, writeTables } from './lib/results.ts'
import { atLeast, atMost, rounded, TARGET_HEADER, type Target, targetRow } from './lib/targets.ts'

const TRIES = wholeNumber('TRIES', 100, 10_000, 1)
const SEED = 1
const HEADER = ['FROM', 'TO', 'DIRECT', 'ANSWER P50', 'P90', 'MAX', 'THEN DIRECT P50', 'P90']

interface Cell {
  readonly from: Place
  readonly to: Place
  readonly tries: readonly NatTry[]
}

await run(async () => {
  const places = Object.keys(PLACES) as Place[]
  const cells: Cell[] = []
  for (const [i, from] of places.entries()) {
    for (const to of places.slice(i)) cells.push(await step(`${from} to ${to}`, () => measure(from, to)))
  }
  const targets = judge(cells)
  const figures = cells.map(figuresOf)
  const rows = figures.map(rowOf)
  const svg = barsPlot('two nodes behind NATs, in virtual time', targets)
  writeResults('nat', { node: process.version, tries: TRIES, targets, cells: figures }, svg)
  writeTables(
    'nat',
    `${markdownTable(
      HEADER.map((name) => name.toLowerCase()),
      rows,
    )}\n`,
  )
  process.stdout.write(`\n${columns(HEADER, rows)}\n\n${columns(TARGET_HEADER, targets.map(targetRow))}\n\n`)
})

async function measure(from: Place, to: Place): Promise<Cell> {
  const world = new NatTries(SEED)
  const tries: NatTry[] = []
  while (tries.length < TRIES) tries.push(...(await world.measure(from, to)))
  return { from, to, tries: tries.slice(0, TRIES) }
}

function isRandom(place: Place): boolean {
  return place === 'randomising'
}

/** A NAT that lets in whoever was sent to before, from the same port only. */
function isStrict(place: Place): boolean {
  return place === 'port-restricted' || place === 'home in a carrier'
}

function judge(cells: readonly Cell[]): Target[] {
  const among = (keep: (cell: Cell) => boolean) => cells.filter(keep).flatMap(({ tries }) => tries)
  const punched = among(({ from, to }) => !isRandom(from) && !isRandom(to))
  const oneRandom = among(({ from, to }) => (isRandom(from) && isStrict(to)) || (isStrict(from) && isRandom(to)))
  const within = (tries: readonly NatTry[], ms: number) =>
    (100 * tries.filter(({ directMs }) => directMs !== undefined && directMs <= ms).length) / tries.length
  const slowest = Math.max(...among(() => true).map(({ answeredMs }) => answeredMs))
  return [
    atLeast(
      'port-preserving NATs on both sides: direct within 1 s of the first answer',
      '%',
      100,
      within(punched, 1_000),
    ),
    atLeast('one side randomising: direct within 10 s', '%', 95, within(oneRandom, 10_000)),
    atMost('first packet answered, slowest of all', 'ms', 500, slowest),
  ]
}

/** A cell's figures, for the JSON and the tables. */
function figuresOf({ from, to, tries }: Cell) {
  const direct = tries.flatMap(({ directMs }) => directMs ?? [])
  return {
    ...{ from, to, directShare: direct.length / tries.length },
    answeredMs: quantilesOf(tries.map(({ answeredMs }) => answeredMs)),
    ...(direct.length > 0 && { directMs: quantilesOf(direct) }),
  }
}

function quantilesOf(values: readonly number[]) {
  const { p50, p90, max } = summarize(values)
  return { p50, p90, max }
}

function rowOf({ from, to, directShare, answeredMs, directMs }: ReturnType<typeof figuresOf>): string[] {
  const ms = (value: number | undefined) => (value === undefined ? '-' : `${rounded(value)} ms`)
  const answered = [answeredMs.p50, answeredMs.p90, answeredMs.max]
  return [from, to, `${rounded(100 * directShare)} %`, ...[...answered, directMs?.p50, directMs?.p90].map(ms)]
}
