import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type Meddling, PARTS, type Part, type Way } from './attacker.ts'
import { Model, OWNERS, type Step } from './model.ts'
import { PLACES } from './samples.ts'

/** `MODEL_RUNS=10000` plays more runs, `MODEL_SEED=7` other ones. A failing run prints its seed and its steps. */
const RUNS = Number(process.env.MODEL_RUNS ?? '60')
const SEED = Number(process.env.MODEL_SEED ?? '1')

const owner = fc.constantFrom(...OWNERS)
const ttlMs = fc.constantFrom(40_000, 120_000, 600_000)
const places = fc.oneof(fc.constant(PLACES), fc.subarray(PLACES, { minLength: 1 }))
const which = fc.nat(40)
const way = fc.constantFrom<Way>('change', 'change', 'offer', 'offer', 'partner-offer', 'replicate')
const parts = fc.subarray<Part>([...PARTS], { minLength: 1 })
const meddling = fc.constantFrom<Meddling>('keep requests', 'keep answers', 'add himself')
const is = <T extends string>(what: T) => fc.constant(what)

const byOwners: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom('create', 'recreate'), owner, ttlMs }),
  fc.record({ do: is('hand over'), owner, to: owner, ttlMs }),
  fc.record({ do: fc.constantFrom('delete', 'read'), owner }),
  fc.record({ do: is('wait'), ms: fc.constantFrom(1_000, 30_000, 70_000, 300_000) }),
)
const byAttacker: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: is('replay'), which, places, way }),
  fc.record({ do: is('graft'), onto: which, from: which, parts, places, way }),
  fc.record({ do: is('intrude'), kind: fc.constantFrom('create', 'recreate', 'delete'), places, way }),
  fc.record({ do: is('meddle'), meddling, places }),
  fc.record({ do: is('deliver'), lastFirst: fc.boolean() }),
)
const byAccident: fc.Arbitrary<Step> = fc.record({ do: is('restart a host'), which })
const step = fc.oneof(
  { arbitrary: byOwners, weight: 5 },
  { arbitrary: byAttacker, weight: 5 },
  { arbitrary: byAccident, weight: 1 },
)
/** Somebody has the key for a while. */
const tenancy = fc
  .record({ owner, ttlMs, meanwhile: fc.array(step, { maxLength: 1 }) })
  .map(({ owner, ttlMs, meanwhile }): Step[] => [{ do: 'create', owner, ttlMs }, ...meanwhile, { do: 'delete', owner }])
const scene = fc.oneof({ arbitrary: step.map((one) => [one]), weight: 4 }, { arbitrary: tenancy, weight: 1 })
const steps = fc.array(scene, { minLength: 4, maxLength: 18, size: 'max' }).map((scenes) => scenes.flat())

/** The first thing that went wrong, and in which step. */
async function play(seed: number, todo: readonly Step[]): Promise<string | undefined> {
  const model = await Model.begin(seed)
  for (const [i, one] of todo.entries()) {
    const wrong = await model.take(one)
    if (wrong !== undefined) return `step ${i + 1}: ${wrong}`
  }
  return undefined
}

describe('an attacker who sees every change, and replays, grafts, reorders and withholds', () => {
  test(`changes nothing that somebody relies on, in ${RUNS} runs`, async () => {
    const holds = fc.asyncProperty(fc.nat(1_000), steps, async (seed, todo) => {
      assert.equal(await play(seed, todo), undefined)
    })
    await fc.assert(holds, { numRuns: RUNS, seed: SEED, includeErrorInReport: true })
  })
})
