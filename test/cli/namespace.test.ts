import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { parseRingKey } from '../../agent/namespace/ring-key.ts'
import { parseToken } from '../../agent/namespace/token.ts'
import { type Ran, runWow } from './run-wow.ts'

const scratch = mkdtempSync(join(tmpdir(), 'wow-cli-'))
after(() => rmSync(scratch, { recursive: true }))

async function wow(home: string, ...args: string[]): Promise<Ran> {
  const ran = await runWow(args, { home: join(scratch, home) })
  assert.equal(ran.code, 0, ran.stderr)
  return ran
}

describe('wow namespace', () => {
  test('creates offline, exports, and is imported elsewhere, with the same fields throughout', async () => {
    const offline = ['--pool', '10.128.0.0/9', '--lease', '90m']
    const created = JSON.parse((await wow('a', 'namespace', 'create', '--name', 'lab', ...offline, '--json')).stdout)
    assert.deepEqual(Object.keys(created).slice(0, 6), ['id', 'name', 'pool', 'lease', 'ring', 'token'])
    assert.equal(created.name, 'lab')
    assert.equal(created.pool, '10.128.0.0/9')
    assert.equal(created.lease, '90m')
    assert.equal(parseToken(created.token).signed.id, created.id)

    const { id, name, lease, token } = created
    const fields = { id, name, pool: created.pool, lease, ring: 'own' }
    const exported = JSON.parse((await wow('a', 'namespace', 'export', 'lab', '--json')).stdout)
    assert.deepEqual(exported, { ...fields, token })
    assert.equal((await wow('a', 'namespace', 'export', id)).stdout.trim(), token)
    assert.deepEqual(JSON.parse((await wow('a', 'namespace', 'show', id, '--json')).stdout), fields)

    const imported = JSON.parse((await wow('b', 'namespace', 'import', token, '--json')).stdout)
    assert.deepEqual(imported, { ...fields, token })
    assert.deepEqual(JSON.parse((await wow('b', 'namespace', 'list', '--json')).stdout), [fields])
  })

  test('makes a ring of its own unless there is one to join, and whichever is asked for', async () => {
    const at = '/ip4/127.0.0.1/tcp/9'
    for (const [args, ring] of [
      [[], 'own'],
      [['--bootstrap', at], 'shared'],
      [['--ring', 'shared'], 'shared'],
      [['--ring', 'own', '--bootstrap', at], 'own'],
    ] as const) {
      const made = JSON.parse((await wow('ring', 'namespace', 'create', ...args, '--json')).stdout)
      assert.equal(made.ring, ring)
      assert.equal(parseToken(made.token).signed.record.ring, ring)
    }
  })

  test('gives the key of its own ring, which is the same wherever the namespace is known', async () => {
    const { token } = JSON.parse((await wow('f', 'namespace', 'create', '--name', 'lab', '--json')).stdout)
    const { ringKey } = JSON.parse((await wow('f', 'namespace', 'ring-key', 'lab', '--json')).stdout)
    assert.equal(parseRingKey(ringKey).length, 32)
    await wow('g', 'namespace', 'import', token)
    assert.equal((await wow('g', 'namespace', 'ring-key', 'lab')).stdout.trim(), ringKey)
  })

  test('never shows a secret unless it is asked to export', async () => {
    const { token } = JSON.parse((await wow('c', 'namespace', 'create', '--name', 'quiet', '--json')).stdout)
    for (const args of [['show', 'quiet'], ['list']]) {
      const { stdout, stderr } = await wow('c', 'namespace', ...args)
      assert.ok(!(stdout + stderr).includes(token.slice(10, 60)))
    }
  })

  test('made with a bootstrap node that does not answer is kept, and says that it is not published', async () => {
    const { stdout, stderr } = await wow('d', 'namespace', 'create', '--bootstrap', '/ip4/127.0.0.1/tcp/9', '--json')
    const { published, token } = JSON.parse(stdout)
    assert.equal(published, false)
    assert.match(stderr, /could not be published now/)
    assert.deepEqual(parseToken(token).bootstrap, ['/ip4/127.0.0.1/tcp/9'])
  })
})

test('every subcommand explains itself with an example', async () => {
  const commands = ['', 'up', 'status', 'peers', 'leases', 'doctor', 'namespace create', 'namespace list']
  for (const command of [...commands, 'namespace show', 'namespace export', 'namespace ring-key', 'namespace import']) {
    const { stdout } = await wow('e', ...command.split(' ').filter(Boolean), '--help')
    assert.match(stdout, /Example:\n {2}(sudo )?wow /, command)
    if (command !== '') assert.match(stdout, /--json/, command)
  }
})
