import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { askAgent } from '../../agent/control/client.ts'
import { ControlServer } from '../../agent/control/server.ts'
import type { Status } from '../../agent/control/status.ts'
import { SILENT } from '../../agent/core/log.ts'
import { healthyMember } from './facts.ts'

let folder: string
let server: ControlServer

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wow-control-'))
  writeFileSync(join(folder, 'control.sock'), 'left by an agent that was killed')
  server = new ControlServer(join(folder, 'control.sock'), healthyMember, SILENT)
  await server.start()
})
afterEach(async () => {
  await server.stop()
  rmSync(folder, { recursive: true })
})

describe('the control socket', () => {
  test('is for its owner only', () => {
    assert.equal(statSync(join(folder, 'control.sock')).mode & 0o777, 0o600)
  })

  test('answers each page in JSON', async () => {
    assert.equal(((await askAgent(folder, '/status')) as Status).phase, 'leased')
    for (const page of ['/peers', '/leases', '/doctor']) assert.equal(typeof (await askAgent(folder, page)), 'object')
  })

  test('knows no other page', async () => {
    await assert.rejects(askAgent(folder, '/secrets'), { code: 'AGENT_SILENT', message: /404/ })
  })

  test('that is not there means that no agent runs', async () => {
    await assert.rejects(askAgent(join(folder, 'elsewhere'), '/status'), { code: 'AGENT_NOT_RUNNING' })
  })
})
