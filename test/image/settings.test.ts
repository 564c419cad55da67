import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { override, sourceLine } from '../../agent/boot/overrides.ts'
import { inRoot } from '../../scripts/lib/paths.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wow-settings-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

interface Machine {
  readonly cmdline?: string
  readonly vendor?: string
  /** What vmware-rpctool answers to each key; it fails for any other key. */
  readonly guestinfo?: Readonly<Record<string, string>>
}

/** Runs the appliance's own script as on such a machine. */
function gather({ cmdline = 'quiet', vendor = 'QEMU', guestinfo = {} }: Machine) {
  const at = (name: string) => join(folder, name)
  writeFileSync(at('cmdline'), `${cmdline}\n`)
  mkdirSync(at('dmi'))
  writeFileSync(at('dmi/sys_vendor'), `${vendor}\n`)
  writeFileSync(at('console'), '')
  // The script sets its own PATH, so the test edits it to find our tool.
  const cases = Object.entries(guestinfo).map(
    ([key, value]) => `'info-get guestinfo.${key}') cat <<'END'\n${value}\nEND\n;;`,
  )
  writeFileSync(at('vmware-rpctool'), `#!/bin/sh\ncase $1 in\n${cases.join('\n')}\n*) exit 1 ;;\nesac\n`)
  chmodSync(at('vmware-rpctool'), 0o755)
  const script = readFileSync(inRoot('templates/root/usr/lib/wow/settings'), 'utf8')
  writeFileSync(at('settings.sh'), script.replace('PATH=/usr/sbin:/usr/bin', `PATH=${folder}:/usr/sbin:/usr/bin:/bin`))
  const env = { WOW_SETTINGS: at('out'), WOW_CMDLINE: at('cmdline'), WOW_DMI: at('dmi'), WOW_CONSOLES: at('console') }
  execFileSync('sh', [at('settings.sh')], { env })
  const files = Object.fromEntries(
    readdirSync(at('out')).map((name) => [name, JSON.parse(readFileSync(join(at('out'), name), 'utf8'))]),
  )
  return { files, console: readFileSync(at('console'), 'utf8') }
}

describe('what one copy is told at boot', () => {
  test('is nothing on a machine that says nothing', () => {
    assert.deepEqual(gather({}), { files: {}, console: '' })
  })

  test('comes by the kernel command line', () => {
    const { files } = gather({
      cmdline: 'quiet wow.token=wow1abc wow.bootstrap=/ip4/192.0.2.1/tcp/1,/ip4/192.0.2.2/tcp/2 rw',
    })
    assert.deepEqual(files, {
      '40-kernel.json': { token: 'wow1abc', bootstrap: ['/ip4/192.0.2.1/tcp/1', '/ip4/192.0.2.2/tcp/2'] },
    })
  })

  test('is refused with a word on the console when it cannot be what it should, and breaks nothing', () => {
    const { files, console } = gather({ cmdline: `wow.token=a";rm wow.bootstrap=/ip4/192.0.2.1` })
    assert.deepEqual(files, {})
    assert.match(console, /wow: settings from=40-kernel problem="The token has characters/)
  })

  test('comes from VMware as properties of the OVF, and as guestinfo, which wins', () => {
    const property = (key: string, value: string) => `<Property oe:key="${key}" oe:value="${value}"/>`
    const ovfEnv = `<Environment><PropertySection>\n${property('wow.token', 'wow1ovf')}\n${property('wow.bootstrap', '/ip4/192.0.2.1/tcp/1')}\n</PropertySection></Environment>`
    const vendor = 'VMware, Inc.'
    assert.deepEqual(gather({ vendor, guestinfo: { ovfEnv } }).files, {
      '10-guestinfo.json': { token: 'wow1ovf', bootstrap: ['/ip4/192.0.2.1/tcp/1'] },
    })
    rmSync(folder, { recursive: true })
    mkdirSync(folder)
    const both = gather({ vendor, guestinfo: { ovfEnv, 'wow.token': 'wow1direct' } }).files
    assert.equal(both['10-guestinfo.json'].token, 'wow1direct')
  })

  test('is not asked of VMware on other machines', () => {
    assert.deepEqual(gather({ guestinfo: { 'wow.token': 'wow1no' } }).files, {})
  })
})

describe('the agent', () => {
  const give = (name: string, content: string) => writeFileSync(join(folder, name), content)

  test('takes the fields of a later source over those of an earlier one, and of all over the image, but not every field', () => {
    give('10-guestinfo.json', '{"token":"wow1ovf","mtu":1300}')
    give('40-kernel.json', '{"token":"wow1kernel","state":"/elsewhere"}')
    const { options, sources } = override({ token: 'wow1image', tap: 'wow0' }, folder, assert.fail)
    assert.deepEqual(options, { token: 'wow1kernel', tap: 'wow0', mtu: 1300 })
    assert.deepEqual(sources.map(sourceLine), [
      'wow: settings from=guestinfo fields=token,mtu',
      'wow: settings from=kernel fields=token',
    ])
  })

  test('leaves out a source that is wrong, and says which and why', () => {
    give('30-floppy.json', '{"token":')
    give('40-kernel.json', '{"mtu":1300}')
    const { options, sources } = override({ token: 'wow1image' }, folder, assert.fail)
    assert.deepEqual(options, { token: 'wow1image', mtu: 1300 })
    assert.match(sourceLine(sources[0]!), /^wow: settings from=floppy problem=".*floppy\.json is not JSON\."$/)
  })

  test('goes on with the image alone when there is no such folder', () => {
    assert.deepEqual(override({ tap: 'wow0' }, join(folder, 'none'), assert.fail), {
      options: { tap: 'wow0' },
      sources: [],
    })
  })
})
