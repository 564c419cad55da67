import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { buildProgram, compilerMissing, type Program } from './c-program.ts'

/** What reads bytes of others. The rest speaks with JavaScript. */
const PARTS = ['gate', 'ip-table', 'joiner', 'lanes', 'mailbox', 'packet', 'record', 'segment']
const INPUTS = process.env.FUZZ_INPUTS ?? '1000000'

describe('the addon, built with the address and undefined-behaviour sanitizers', { skip: compilerMissing() }, () => {
  let program: Program
  before(() => {
    program = buildProgram('fuzz', PARTS, ['-l:libcrypto.so.3', '-pthread'])
  })
  after(() => program.remove())

  test('reads a million damaged packets, offload headers and records; what it cuts it can join again', () => {
    const seed = String(Date.now() % 1_000_000)
    assert.equal(program.run([INPUTS, seed]), `${INPUTS} inputs\n`)
  })
})
