import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { report } from '../../scripts/lib/main.ts'
import { distFolder, inRoot } from '../../scripts/lib/paths.ts'

const folder = mkdtempSync(join(tmpdir(), 'wow-bad-'))
after(() => rmSync(folder, { recursive: true }))

const TOKEN = `wow1${'a'.repeat(120)}`

function make(script: string, variables: Readonly<Record<string, string>>) {
  const env = { PATH: process.env.PATH, HOME: folder, WOW_HOME: join(folder, 'home'), WOW_CACHE: join(folder, 'cache') }
  const argv = ['--import', 'tsx', inRoot('scripts', script)]
  return spawnSync(process.execPath, argv, { env: { ...env, ...variables }, cwd: inRoot(), encoding: 'utf8' })
}

/** The script exits with code 2, one sentence and a remedy, before it builds or writes anything. */
function refuses(script: string, variables: Readonly<Record<string, string>>, sentence: RegExp): void {
  const before = existsSync(distFolder) ? readdirSync(distFolder) : []
  const { status, stderr, stdout } = make(script, variables)
  assert.equal(status, 2, stderr)
  assert.match(stderr, sentence)
  assert.match(stderr, /^error: [^\n]+\n {2}[^\n]+\n$/)
  assert.ok(!`${stdout}${stderr}`.includes(TOKEN), 'a token is never shown')
  assert.deepEqual(existsSync(distFolder) ? readdirSync(distFolder) : [], before)
  assert.ok(!existsSync(join(folder, 'home')), 'no namespace was made')
}

describe('make appliance refuses', () => {
  const privateKey = join(folder, 'id')
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', privateKey])
  const locked = join(folder, 'locked')
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'passphrase', '-f', locked])
  writeFileSync(join(folder, 'text'), 'hello\n')

  const cases: readonly [what: string, variables: Record<string, string>, sentence: RegExp][] = [
    ['a flavour that there is not', { FLAVOUR: 'huge' }, /FLAVOUR: there is no flavour "huge"\n.*minimal/],
    ['a format that there is not', { FORMATS: 'qcow2,iso' }, /FORMATS: "iso" is no format\n.*vagrant/],
    ['a token in the wrong place', { FLAVOUR: TOKEN }, /FLAVOUR: this is a join token.*\n.*NS=/],
    ['a token among the bootstrap addresses', { BOOTSTRAP: TOKEN }, /BOOTSTRAP: this is a join token/],
    ['a private key as SSH_KEY', { SSH_KEY: privateKey }, /SSH_KEY: .* is a private key.*\n.*\.pub/],
    ['a text as SSH_KEY', { SSH_KEY: join(folder, 'text') }, /SSH_KEY: line 1 .* is no OpenSSH public key/],
    ['a SIGN_KEY that is not there', { SIGN_KEY: join(folder, 'none') }, /SIGN_KEY: .* cannot sign/],
    ['a SIGN_KEY with a passphrase that nobody can give', { SIGN_KEY: locked }, /SIGN_KEY: .* cannot sign/],
    ['a mirror that is no URL', { MIRROR: 'my mirror' }, /MIRROR: "my mirror" is no URL/],
    ['a base that nobody made', { BASE: folder }, /BASE: .* holds no customised base/],
    ['a base and a flavour', { BASE: folder, FLAVOUR: 'minimal' }, /FLAVOUR: a customised base has one already/],
    ['a date that is none', { SOURCE_DATE_EPOCH: 'today' }, /SOURCE_DATE_EPOCH: "today"/],
  ]
  for (const [what, variables, sentence] of cases) test(what, () => refuses('appliance.ts', variables, sentence))
})

describe('make verify and make custom refuse', () => {
  test('a namespace that was never baked, and none at all', () => {
    refuses('verify.ts', { NS: 'nobody' }, /NS: dist\/ has no image of "nobody"/)
    refuses('verify.ts', {}, /NS: no namespace was given/)
  })

  test('a script that is not there, and a builder that there is not', () => {
    refuses('custom.ts', { SCRIPT: join(folder, 'none') }, /SCRIPT: .* is no file/)
    refuses('custom.ts', { SCRIPT: join(folder, 'text'), BUILDER: 'xen' }, /BUILDER: "xen" is no builder\n.*virtualbox/)
  })
})

describe('a disk that is full', () => {
  test('is one sentence, from us and from a command that we called', () => {
    const said: string[] = []
    const write = process.stderr.write
    process.stderr.write = (text: string | Uint8Array) => said.push(String(text)) > 0
    try {
      assert.equal(report(Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })), 1)
      assert.equal(report(new Error('qemu-img: error while writing: No space left on device')), 1)
    } finally {
      process.stderr.write = write
    }
    assert.equal(said.filter((line) => line === 'error: The disk is full\n').length, 2)
  })
})
