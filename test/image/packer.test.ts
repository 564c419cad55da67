import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { inRoot } from '../../scripts/lib/paths.ts'

const installed = spawnSync('packer', ['version']).status === 0
const folder = mkdtempSync(join(tmpdir(), 'wow-packer-'))
after(() => rmSync(folder, { recursive: true }))

/** Exit code and output of `packer validate`. */
function validate(template: string, vars: Readonly<Record<string, string>>, only: string) {
  const argv = Object.entries(vars).flatMap(([name, value]) => ['-var', `${name}=${value}`])
  const env = { ...process.env, CHECKPOINT_DISABLE: '1' }
  const file = inRoot('packer', template)
  const { status, stdout, stderr } = spawnSync('packer', ['validate', `-only=${only}`, ...argv, file], {
    env,
    encoding: 'utf8',
  })
  return { status, output: `${stdout}${stderr}` }
}

describe('the templates of Packer', { skip: installed ? false : 'needs packer' }, () => {
  const file = (name: string) => {
    const path = join(folder, name)
    writeFileSync(path, '{}')
    return path
  }
  const key = join(folder, 'key')
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
  const custom = () => ({
    image: file('image.ova'),
    script: file('setup.sh'),
    output: join(folder, 'output'),
    floppy: file('appliance.json'),
    ssh_key: key,
  })

  for (const source of ['qemu.wow', 'virtualbox-ovf.wow', 'vmware-vmx.wow']) {
    test(`customise by ${source}: valid`, () => {
      const { status, output } = validate('custom.pkr.hcl', custom(), source)
      assert.equal(status, 0, output)
    })
  }

  test('the build without a hypervisor: valid', () => {
    const { status, output } = validate('core.pkr.hcl', { request: '/none', stage_command: 'true' }, 'null.appliance')
    assert.equal(status, 0, output)
  })

  test('a variable that is missing is refused, so validating means something', () => {
    const { ssh_key: _key, ...rest } = custom()
    assert.notEqual(validate('custom.pkr.hcl', rest, 'qemu.wow').status, 0)
  })
})
