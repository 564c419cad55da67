import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { buildProgram, compilerMissing, type Program } from './c-program.ts'

const PARTS = [
  ...['gate', 'inbound', 'ip-table', 'joiner', 'lanes', 'mailbox', 'outbound', 'packet', 'record', 'segment'],
  ...['standing-queue', 'train'],
]
const WRAPPED = ['-Wl,--wrap=poll', '-Wl,--wrap=now_ns']

describe('a thread of the fast path', { skip: compilerMissing() }, () => {
  let program: Program
  before(() => {
    program = buildProgram('drains', PARTS, [...WRAPPED, '-l:libcrypto.so.3', '-pthread'])
  })
  after(() => program.remove())

  const drain = (what: string): unknown => JSON.parse(program.run([what]))

  test('seals the two halves of a packet one after the other, whoever else sends on the lane', () => {
    assert.deepEqual(drain('halves'), [true, 0])
  })

  test('waits once for a socket that is full, and JavaScript never does', () => {
    assert.deepEqual(drain('full'), [1, 0])
  })

  test('moves no packet after the permit has ended, not even in the middle of a batch', () => {
    assert.deepEqual(drain('permit'), [1])
  })

  test('cuts nothing into segments that no connection has', () => {
    assert.deepEqual(drain('tiny'), [0, 1])
  })
})
