import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { runWow } from './run-wow.ts'

const scratch = mkdtempSync(join(tmpdir(), 'wow-bundle-'))
after(() => rmSync(scratch, { recursive: true }))

describe('wow bundle', () => {
  const state = join(scratch, 'state')
  mkdirSync(state)
  writeFileSync(join(state, 'leases.json'), '{"password":"do-not-tell"}', { mode: 0o600 })

  test('writes one file that its owner alone can read, also when no agent runs', async () => {
    const out = join(scratch, 'bundle.json')
    const { code, stdout } = await runWow(['bundle', '--state', state, '--out', out], { home: scratch })
    assert.equal(code, 0)
    assert.match(stdout, /bundle\.json/)
    assert.equal(statSync(out).mode & 0o777, 0o600)
    const content = JSON.parse(readFileSync(out, 'utf8'))
    assert.equal(content.doctor.ok, false)
    assert.match(content.status.missing, /No agent runs/)
    assert.deepEqual(content.folder.files, [{ name: 'leases.json', bytes: 26, mode: '0600' }])
  })

  test('tells nothing that is in the files of the state folder', async () => {
    const { stdout } = await runWow(['bundle', '--state', state, '--json'], { home: scratch })
    assert.ok(JSON.parse(stdout).version)
    assert.ok(!stdout.includes('do-not-tell'))
  })

  test('says which file it could not write', async () => {
    const out = join(scratch, 'nowhere', 'bundle.json')
    const { code, stderr } = await runWow(['bundle', '--state', state, '--out', out], { home: scratch })
    assert.equal(code, 2)
    assert.match(stderr, /--out: .*nowhere/)
  })
})
