import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { readConfigFile, resolveConfig } from '../../agent/boot/config.ts'
import { refusal } from '../refusal.ts'

const scratch = mkdtempSync(join(tmpdir(), 'wow-config-'))
after(() => rmSync(scratch, { recursive: true }))

function file(content: string): string {
  const path = join(scratch, 'appliance.json')
  writeFileSync(path, content)
  return path
}

function read(content: string): { options: ReturnType<typeof readConfigFile>; warnings: string[] } {
  const warnings: string[] = []
  return { options: readConfigFile(file(content), (sentence) => warnings.push(sentence)), warnings }
}

describe('the config file', () => {
  test('may be padded to the size of the slot', () => {
    const { options, warnings } = read(`{"token":"wow1x","bootstrap":["/ip4/192.0.2.1/tcp/1"]}${' '.repeat(65_000)}\n`)
    assert.deepEqual(options, { token: 'wow1x', bootstrap: ['/ip4/192.0.2.1/tcp/1'] })
    assert.deepEqual(warnings, [])
  })

  test('may say what only first boot and flavours read', () => {
    assert.deepEqual(read('{"flavour":"minimal","sshKeys":["ssh-ed25519 AAAA"],"mdns":false}').warnings, [])
  })

  test('with a field that nobody knows is taken, and the field is named', () => {
    const { options, warnings } = read('{"tap":"wow3","colour":"red"}')
    assert.deepEqual(options, { tap: 'wow3' })
    assert.match(warnings.join(), /"colour".*appliance\.json/)
  })

  test('that is wrong is refused by field, and never quoted', () => {
    const cases: [string, RegExp][] = [
      ['', /is empty/],
      ['{"token":"wow1secret"', /is not JSON/],
      ['[]', /no JSON object/],
      ['{"bootstrap":"one"}', /field bootstrap/],
      ['{"bootstrap":[1]}', /field bootstrap\.0/],
      ['{"mtu":12}', /field mtu .* must be 576 to 9000/],
      ['{"tap":"a name"}', /field tap .* device name/],
      ['{"log":"xml"}', /field log .* json or text/],
    ]
    for (const [content, expected] of cases) {
      const error = refusal(() => read(content))
      assert.match(error.message, expected)
      assert.doesNotMatch(error.message, /wow1secret/)
    }
    assert.match(refusal(() => readConfigFile(join(scratch, 'none'), () => {})).message, /cannot be read/)
  })
})

describe('the options of wow up', () => {
  test('have defaults that need no config file', () => {
    const config = resolveConfig({})
    assert.deepEqual(config, {
      ...config,
      token: undefined,
      tap: 'wow0',
      log: 'text',
      mdns: true,
      portMapping: true,
      listen: [],
      console: [],
    })
    assert.match(config.state, /^\/.*wow$/)
  })

  test('override those of the file, except that every bootstrap address counts', () => {
    const file = {
      tap: 'wow1',
      mdns: false,
      portMapping: false,
      bootstrap: ['/ip4/192.0.2.1/tcp/1'],
      mtu: 1300,
      listen: ['/ip4/0.0.0.0/tcp/1'],
    }
    const config = resolveConfig(
      { tap: 'wow2', bootstrap: ['/ip4/192.0.2.2/tcp/1'], listen: ['/ip4/0.0.0.0/tcp/2'] },
      file,
    )
    assert.equal(config.tap, 'wow2')
    assert.equal(config.mdns, false)
    assert.equal(config.portMapping, false)
    assert.equal(config.mtu, 1300)
    assert.deepEqual(config.bootstrap, ['/ip4/192.0.2.2/tcp/1', '/ip4/192.0.2.1/tcp/1'])
    assert.deepEqual(config.listen, ['/ip4/0.0.0.0/tcp/2'])
  })

  test('name the option that is wrong', () => {
    assert.match(refusal(() => resolveConfig({ tap: 'name/with/slash' })).message, /--tap/)
    assert.match(refusal(() => resolveConfig({ mtu: 70_000 })).message, /--mtu/)
  })
})
