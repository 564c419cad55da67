import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { StateFolder } from '../../agent/host/state-folder.ts'
import { refusal } from '../refusal.ts'

let base: string
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'wow-state-'))
})
afterEach(() => rmSync(base, { recursive: true }))

describe('the state folder', () => {
  test('is made for its owner only, and only when it is claimed', () => {
    const folder = new StateFolder(join(base, 'a', 'b'))
    folder.check()
    assert.deepEqual(readdirSync(base), [])
    folder.claim()
    assert.equal(statSync(folder.path).mode & 0o777, 0o700)
    folder.release()
    assert.deepEqual(readdirSync(folder.path), [])
  })

  test('is for one agent at a time', () => {
    const first = new StateFolder(base)
    first.claim()
    const error = refusal(() => new StateFolder(base).claim())
    assert.equal(error.code, 'STATE_IN_USE')
    assert.match(error.message, new RegExp(`process id ${process.pid}`))
    first.release()
    new StateFolder(base).claim()
  })

  test('of an agent that was killed can be claimed again, also when its process id lives on', () => {
    for (const stale of ['999999999 1\n', `${process.pid} 1\n`, '', 'garbage']) {
      writeFileSync(join(base, 'agent.pid'), stale)
      const folder = new StateFolder(base)
      assert.equal(folder.holder(), undefined)
      folder.claim()
      assert.equal(folder.holder(), process.pid)
      folder.release()
    }
  })

  test('is not given back by who never had it', () => {
    const first = new StateFolder(base)
    first.claim()
    new StateFolder(base).release()
    assert.ok(existsSync(join(base, 'agent.pid')))
  })

  test('remembers peers and the port', () => {
    const folder = new StateFolder(base)
    assert.deepEqual(folder.remembered(), { port: 0, peers: [] })
    folder.remember({ port: 4001, peers: ['/ip4/192.0.2.1/tcp/1'] })
    const { port, peers } = new StateFolder(base).remembered()
    assert.deepEqual({ port, peers: [...peers] }, { port: 4001, peers: ['/ip4/192.0.2.1/tcp/1'] })
    assert.equal(statSync(join(base, 'peers.json')).mode & 0o777, 0o600)
  })

  test('with a corrupt list of peers is refused, naming the file', () => {
    for (const content of ['', '[]', '{"version":1}', '{"version":1,"port":-1,"peers":[]}']) {
      writeFileSync(join(base, 'peers.json'), content)
      const error = refusal(() => new StateFolder(base).remembered())
      assert.equal(error.code, 'STATE_CORRUPT')
      assert.match(error.message, /peers\.json/)
    }
  })

  test('that cannot be a folder, or has too long a name, is refused', () => {
    writeFileSync(join(base, 'file'), '')
    assert.equal(refusal(() => new StateFolder(join(base, 'file', 'x')).check()).code, 'STATE_UNWRITABLE')
    assert.equal(refusal(() => new StateFolder(join(base, 'file')).check()).code, 'STATE_UNWRITABLE')
    assert.equal(refusal(() => new StateFolder(join(base, 'x'.repeat(100))).check()).code, 'STATE_PATH_TOO_LONG')
  })
})
