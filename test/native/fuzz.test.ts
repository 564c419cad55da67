import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { inRoot } from '../../scripts/lib/paths.ts'

const HEADERS = join(dirname(process.execPath), '..', 'include', 'node')
const NATIVE = inRoot('agent', 'native')
/** What reads bytes of others. The rest speaks with JavaScript. */
const PARTS = ['gate', 'ip-table', 'joiner', 'lanes', 'mailbox', 'packet', 'record', 'segment'].map((name) =>
  join(NATIVE, `${name}.c`),
)
const INPUTS = process.env.FUZZ_INPUTS ?? '1000000'

const missing = () => {
  if (!existsSync(join(HEADERS, 'node_api.h'))) return 'the headers of Node.js are not beside it'
  return spawnSync('cc', ['--version']).status === 0 ? false : 'there is no C compiler'
}

describe('the addon, built with the address and undefined-behaviour sanitizers', { skip: missing() }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'wow-fuzz-'))
  after(() => rmSync(folder, { recursive: true, force: true }))

  test('reads a million damaged packets, offload headers and records; what it cuts it can join again', () => {
    const program = join(folder, 'fuzz')
    const warnings = ['-Wall', '-Wextra', '-Werror', '-D_GNU_SOURCE', '-DNAPI_VERSION=8']
    const sanitizers = ['-g', '-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all']
    const sources = [inRoot('test', 'native', 'fuzz.c'), ...PARTS]
    const includes = ['-I', NATIVE, '-isystem', HEADERS]
    const args = [...warnings, ...sanitizers, ...includes, ...sources, '-l:libcrypto.so.3', '-pthread', '-o', program]
    const built = spawnSync('cc', args, { encoding: 'utf8' })
    assert.equal(built.status, 0, built.stderr)
    const seed = String(Date.now() % 1_000_000)
    const ran = spawnSync(program, [INPUTS, seed], { encoding: 'utf8' })
    assert.equal(ran.status, 0, `seed ${seed}: ${ran.stderr}`)
    assert.equal(ran.stdout, `${INPUTS} inputs\n`)
  })
})
