import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { inRoot } from '../../scripts/lib/paths.ts'
import { MUTANTS } from '../../scripts/mutants/all.ts'
import { mutated } from '../../scripts/mutants/mutant.ts'

test('every mutant still fits its file, and names tests that there are', () => {
  for (const mutant of MUTANTS) {
    mutated(mutant, inRoot())
    for (const file of mutant.tests) assert.ok(existsSync(inRoot('test', file)), `${mutant.name}: ${file}`)
  }
})

test('no two mutants have one name', () => {
  assert.equal(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length)
})
