import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { buildProgram, compilerMissing, type Program } from './c-program.ts'

describe('a thread that reads packets', { skip: compilerMissing() }, () => {
  let program: Program
  before(() => {
    program = buildProgram('pace', ['pace'], [])
  })
  after(() => program.remove())

  const wakes = (packets: number, spacingNs: number): number => Number(program.run([packets, spacingNs].map(String)))

  test('wakes for each packet while they come slowly', () => {
    assert.equal(wakes(1_000, 1_000_000), 1_000)
    assert.equal(wakes(1_000, 100_000), 1_000)
  })

  test('wakes for several at once when they come fast', () => {
    assert.ok(wakes(10_000, 10_000) < 2_000)
    assert.ok(wakes(10_000, 2_000) < 500)
  })
})
