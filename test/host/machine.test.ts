import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { machineFacts, machineFingerprint } from '../../agent/host/machine.ts'
import { VERSION } from '../../agent/version.ts'

const scratch = mkdtempSync(join(tmpdir(), 'wow-machine-'))
after(() => rmSync(scratch, { recursive: true }))

let machines = 0
function machine(files: Record<string, string>): string {
  const root = join(scratch, String(machines++), '/')
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  return root
}

const ID = 'etc/machine-id'
const UUID = 'sys/class/dmi/id/product_uuid'
const SOME_ID = '0123456789abcdef0123456789abcdef\n'
const SOME_UUID = '4C4C4544-0042-3010-8052-B9C04F564231\n'

describe('the fingerprint of a machine', () => {
  test('is the same at every boot and another on a machine with a copied disk', () => {
    const first = machineFingerprint(machine({ [ID]: SOME_ID, [UUID]: SOME_UUID }))
    assert.equal(machineFingerprint(machine({ [ID]: SOME_ID, [UUID]: SOME_UUID.toLowerCase() })), first)
    assert.notEqual(machineFingerprint(machine({ [ID]: SOME_ID, [UUID]: SOME_UUID.replace('4C', '5C') })), first)
  })

  test('makes do with what the machine tells', () => {
    assert.match(machineFingerprint(machine({ [ID]: SOME_ID })) ?? '', /^os:[0-9a-f]{32}$/)
    assert.match(machineFingerprint(machine({ [UUID]: SOME_UUID })) ?? '', /^hardware:/)
    assert.equal(machineFingerprint(machine({})), null)
  })

  test('takes nothing from an id that is not set up yet, nor from a meaningless UUID', () => {
    const nothing = { [ID]: 'uninitialized\n', [UUID]: '00000000-0000-0000-0000-000000000000\n' }
    assert.equal(machineFingerprint(machine(nothing)), null)
  })
})

test('a machine says what it is', async () => {
  const { cores, memoryBytes, kernel } = await machineFacts()
  assert.ok(cores !== null && cores > 0)
  assert.ok(memoryBytes !== null && memoryBytes > 0)
  assert.notEqual(kernel, null)
})

test('the agent has the version of its package', () => {
  const path = new URL('../../package.json', import.meta.url)
  assert.equal(JSON.parse(readFileSync(path, 'utf8')).version, VERSION)
})
