/**
 * `make mutants`: breaks the product in one place after the other, and sees which test notices.
 *
 *   ONLY='two votes,a gap in time' npx tsx scripts/mutants.ts
 *   BY=stories STORIES=2000 ONLY='fault ' npx tsx scripts/mutants.ts     # which story notices, without any test
 *
 * Each mutant (scripts/mutants/) is tried in a copy of the tree: first the tests named with it, then random stories. The
 * score is written to bench/results/mutants.json when all were tried, and to mutants-by-stories.json. Exit code 1 when a
 * mutant survives.
 */

import { InputError } from '../agent/core/errors.ts'
import { writeWhole } from '../agent/core/files.ts'
import { run } from './lib/main.ts'
import { inRoot } from './lib/paths.ts'
import { say, sinceStart } from './lib/progress.ts'
import { columns } from './lib/table.ts'
import { MUTANTS } from './mutants/all.ts'
import { Ground, type Verdict } from './mutants/ground.ts'
import type { Mutant } from './mutants/mutant.ts'

/** Copies of the tree, each with one mutant at a time: one a core. */
const GROUNDS = ['one', 'two']

await run(async () => {
  const only = (process.env.ONLY || '').split(',')
  const chosen = MUTANTS.filter(({ name, file, fault = '' }) =>
    only.some((part) => [name, file, fault].some((text) => text.includes(part))),
  )
  if (chosen.length === 0) {
    throw new InputError(
      'ONLY_UNKNOWN',
      `ONLY: no mutant's name, file or fault contains "${only}".`,
      'See scripts/mutants/.',
    )
  }
  const byStories = readBy() === 'stories'
  const stories = readStories(byStories ? 2_000 : 60)
  const grounds = GROUNDS.map((name) => new Ground(name))
  const verdicts = new Map<Mutant, Verdict>()
  try {
    if (!byStories) await checkTests(grounds, chosen)
    await share(grounds, chosen, async (ground, mutant) => {
      const verdict = await ground.try(mutant, byStories ? [] : mutant.tests, stories)
      verdicts.set(mutant, verdict)
      say(`${verdicts.size} of ${chosen.length}: ${mutant.name}: ${verdict ?? 'SURVIVES'}`)
    })
  } finally {
    for (const ground of grounds) ground.remove()
  }
  const survivors = chosen.filter((mutant) => verdicts.get(mutant) === undefined)
  if (byStories) record('mutants-by-stories', verdicts)
  else if (chosen.length === MUTANTS.length) record('mutants', verdicts)
  const rows = chosen.map((mutant) => [mutant.file, mutant.name, verdicts.get(mutant) ?? 'SURVIVES'])
  process.stdout.write(`\n${columns(['FILE', 'MUTANT', 'CAUGHT BY'], rows)}\n\n`)
  say(`${chosen.length - survivors.length} of ${chosen.length} mutants caught after ${sinceStart()}.`)
  if (survivors.length > 0) process.exitCode = 1
})

/** A test that fails without any mutant proves nothing. */
async function checkTests(grounds: readonly Ground[], mutants: readonly Mutant[]): Promise<void> {
  const tests = [...new Set(mutants.flatMap(({ tests }) => tests))]
  await share(grounds, tests, async (ground, test) => {
    if (!(await ground.passes(test))) throw new Error(`${test} fails without a mutant`)
  })
  say(`${tests.length} tests pass without a mutant.`)
}

/** Each ground takes the next item until none is left. */
async function share<T>(
  grounds: readonly Ground[],
  items: readonly T[],
  work: (ground: Ground, item: T) => Promise<void>,
): Promise<void> {
  const left = [...items]
  await Promise.all(
    grounds.map(async (ground) => {
      for (let item = left.shift(); item !== undefined; item = left.shift()) await work(ground, item)
    }),
  )
}

function readBy(): 'tests' | 'stories' {
  const by = process.env.BY || 'tests'
  if (by === 'tests' || by === 'stories') return by
  throw new InputError('BY_UNKNOWN', `BY=${by} is neither tests nor stories.`, 'Give BY=stories, or leave it out.')
}

function readStories(byDefault: number): number {
  const stories = Number(process.env.STORIES || byDefault)
  if (Number.isInteger(stories) && stories > 0 && stories <= 100_000) return stories
  throw new InputError(
    'STORIES_INVALID',
    `STORIES=${process.env.STORIES} is no number of stories.`,
    'Give 1 to 100000.',
  )
}

function record(name: string, verdicts: ReadonlyMap<Mutant, Verdict>): void {
  const caught = [...verdicts.values()].filter((verdict) => verdict !== undefined).length
  const each = [...verdicts].map(([{ file, name, fault }, verdict]) => ({
    file,
    name,
    fault,
    caughtBy: verdict ?? null,
  }))
  const figures = { mutants: each.length, caught, share: caught / each.length, each }
  writeWhole(inRoot('bench', 'results', `${name}.json`), `${JSON.stringify(figures, null, 2)}\n`, 0o644)
}
