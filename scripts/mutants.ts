/**
 * `make mutants`: breaks the product in one place after the other, and sees which test notices.
 *
 *   ONLY='two votes' npx tsx scripts/mutants.ts
 *
 * Each mutant (scripts/mutants/) is tried in a copy of the tree: first the tests named with it, then random stories. The
 * score is written to bench/results/mutants.json when all were tried. Exit code 1 when a mutant survives.
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
  const only = process.env.ONLY || ''
  const chosen = MUTANTS.filter(({ name, file }) => name.includes(only) || file.includes(only))
  if (chosen.length === 0) {
    throw new InputError('ONLY_UNKNOWN', `ONLY: no mutant's name or file contains "${only}".`, 'See scripts/mutants/.')
  }
  const grounds = GROUNDS.map((name) => new Ground(name))
  const verdicts = new Map<Mutant, Verdict>()
  try {
    await checkTests(grounds, chosen)
    await share(grounds, chosen, async (ground, mutant) => {
      const verdict = await ground.try(mutant)
      verdicts.set(mutant, verdict)
      say(`${verdicts.size} of ${chosen.length}: ${mutant.name}: ${verdict ?? 'SURVIVES'}`)
    })
  } finally {
    for (const ground of grounds) ground.remove()
  }
  const survivors = chosen.filter((mutant) => verdicts.get(mutant) === undefined)
  if (chosen.length === MUTANTS.length) record(verdicts)
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

function record(verdicts: ReadonlyMap<Mutant, Verdict>): void {
  const caught = [...verdicts.values()].filter((verdict) => verdict !== undefined).length
  const mutants = MUTANTS.map((mutant) => ({
    file: mutant.file,
    name: mutant.name,
    caughtBy: verdicts.get(mutant) ?? null,
  }))
  const figures = { mutants: MUTANTS.length, caught, share: caught / MUTANTS.length, each: mutants }
  writeWhole(inRoot('bench', 'results', 'mutants.json'), `${JSON.stringify(figures, null, 2)}\n`, 0o644)
}
