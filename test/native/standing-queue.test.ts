import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { buildProgram, compilerMissing, type Program } from './c-program.ts'

describe('a queue that stands in front of a thread', { skip: compilerMissing() }, () => {
  let program: Program
  before(() => {
    program = buildProgram('standing-queue', ['standing-queue'], [])
  })
  after(() => program.remove())

  /** Drops of each lane, and when the first five were, ms. */
  const feed = (ms: number, emptyEvery: number, ...lanes: number[]): [number[], number[]] =>
    JSON.parse(program.run([ms, emptyEvery, ...lanes].map(String)))

  test('loses nothing while it is empty now and then', () => {
    assert.deepEqual(feed(10_000, 4, 64_000, 64_000), [[0, 0], []])
  })

  test('loses a packet after 5 ms, and one every 5 ms from then on', () => {
    const [drops, first] = feed(200, 0, 64_000)
    assert.deepEqual(first, [6, 11, 16, 21, 26])
    assert.deepEqual(drops, [39])
  })

  test('loses none of the short packets, which are answers and questions', () => {
    assert.deepEqual(feed(1_000, 0, 84, 999)[0], [0, 0])
  })

  test('loses none of a lane that has less than the others', () => {
    const [drops] = feed(2_000, 0, 20_000, 64_000, 1_400, 64_000)
    // What a lane had is known after the first period.
    assert.ok(drops[1]! + drops[3]! > 10 * (drops[0]! + drops[2]!), drops.join())
  })
})
