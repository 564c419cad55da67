import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { InputError } from '../../agent/core/errors.ts'
import { sourceDateEpoch } from '../../scripts/appliance/base/reproducible.ts'
import { parseBootstrap, parseFormats, parseMirror, readInputs, readSshKeys } from '../../scripts/appliance/inputs.ts'
import { fileStem } from '../../scripts/appliance/request.ts'

const folder = mkdtempSync(join(tmpdir(), 'wow-inputs-'))
after(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

function refuses(code: string, naming: RegExp, work: () => unknown): void {
  assert.throws(work, (error: unknown) => {
    assert.ok(error instanceof InputError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, naming)
    assert.ok(!error.message.includes('\n'), 'one sentence')
    assert.notEqual(error.hint, '')
    return true
  })
}

const ED25519 = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHJwEDj1ZpoKC2TYbZnGhmMPr5ZpXzvmd0ydrbPvuqHW me@desk'

describe('what a user may say to make appliance', () => {
  test('nothing said: the minimal flavour as qcow2 and OVA, and a namespace to be made', () => {
    assert.deepEqual(readInputs({}), {
      namespace: undefined,
      flavour: 'minimal',
      base: undefined,
      formats: ['qcow2', 'ova'],
      bootstrap: [],
      sshKeys: [],
      signKey: undefined,
      condor: undefined,
      mirror: undefined,
    })
  })

  test('empty variables, as make passes them, count as not given', () => {
    assert.deepEqual(
      readInputs({ NS: '', FLAVOUR: '', FORMATS: ' ', BOOTSTRAP: '', SSH_KEY: '', MIRROR: '' }),
      readInputs({}),
    )
  })

  test('an unknown format is named, with those that there are', () => {
    refuses('FORMAT_UNKNOWN', /FORMATS.*"floppy"/, () => parseFormats('qcow2,floppy'))
  })

  test('a format given twice is built once', () => {
    assert.deepEqual(parseFormats('qcow2, qcow2'), ['qcow2'])
  })

  test('bootstrap addresses are separated by commas or spaces', () => {
    assert.deepEqual(parseBootstrap('/ip4/192.0.2.1/tcp/4001, /dns4/a.example/tcp/4001'), [
      '/ip4/192.0.2.1/tcp/4001',
      '/dns4/a.example/tcp/4001',
    ])
  })

  test('a bootstrap address that is no multiaddr is named', () => {
    refuses('BOOTSTRAP_INVALID', /BOOTSTRAP.*"192\.0\.2\.1:4001"/, () => parseBootstrap('192.0.2.1:4001'))
    refuses('BOOTSTRAP_INVALID', /BOOTSTRAP.*"\/ip4\/999/, () => parseBootstrap('/ip4/999.0.2.1/tcp/4001'))
  })

  test('public keys are read as from authorized_keys, comments left out', () => {
    assert.deepEqual(readSshKeys(file('keys.pub', `# mine\n${ED25519}\n\n`)), [ED25519])
  })

  test('a private key is refused and never repeated', () => {
    const path = file(
      'id',
      '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAA\n-----END OPENSSH PRIVATE KEY-----\n',
    )
    refuses('SSH_KEY_PRIVATE', /SSH_KEY.*private key/, () => readSshKeys(path))
    assert.throws(
      () => readSshKeys(path),
      (error: Error) => !error.message.includes('b3BlbnNz'),
    )
  })

  test('a key file that is absent, empty or something else is named', () => {
    refuses('SSH_KEY_UNREADABLE', /SSH_KEY.*absent\.pub/, () => readSshKeys(join(folder, 'absent.pub')))
    refuses('SSH_KEY_EMPTY', /SSH_KEY.*empty\.pub/, () => readSshKeys(file('empty.pub', '\n')))
    refuses('SSH_KEY_INVALID', /line 2/, () => readSshKeys(file('odd.pub', `${ED25519}\nhello\n`)))
  })

  test('a mirror must be a URL', () => {
    assert.equal(parseMirror('http://deb.example/debian'), 'http://deb.example/debian')
    refuses('MIRROR_INVALID', /MIRROR.*"deb\.example"/, () => parseMirror('deb.example'))
  })

  test('the date of everything built is a whole number of seconds', () => {
    assert.equal(sourceDateEpoch({ SOURCE_DATE_EPOCH: '1600000000' }), 1_600_000_000)
    refuses('EPOCH_INVALID', /SOURCE_DATE_EPOCH.*"now"/, () => sourceDateEpoch({ SOURCE_DATE_EPOCH: 'now' }))
  })

  test('a name that is no file name becomes one', () => {
    assert.equal(fileStem('lab', 'abc'), 'wow-lab')
    assert.equal(fileStem('../my lab', 'abc'), 'wow-my-lab')
    assert.equal(fileStem('実験', 'abc'), 'wow-abc')
  })
})
