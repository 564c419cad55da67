import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { Keyring, tokenOf, wowHome } from '../../agent/namespace/keyring.ts'
import { parseToken } from '../../agent/namespace/token.ts'
import { refusal } from '../refusal.ts'
import { sampleNamespace } from './samples.ts'

let home: string

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'wow-keyring-'))
})
afterEach(() => {
  chmodSync(home, 0o700)
  rmSync(home, { recursive: true })
})

describe('the keyring', () => {
  test('keeps a namespace in a file that only its owner reads', () => {
    const keyring = new Keyring(home)
    const namespace = sampleNamespace({}, ['/ip4/203.0.113.7/tcp/4001'])
    keyring.save(namespace)
    const folder = join(home, 'namespaces')
    assert.equal(statSync(folder).mode & 0o777, 0o700)
    assert.deepEqual(readdirSync(folder), [`${namespace.signed.id}.json`])
    assert.equal(statSync(join(folder, `${namespace.signed.id}.json`)).mode & 0o777, 0o600)
    assert.deepEqual(new Keyring(home).find(namespace.signed.id), namespace)
  })

  test('finds a namespace by id, by its name, and by the beginning of its id', () => {
    const keyring = new Keyring(home)
    const lab = keyring.save(sampleNamespace({ name: 'lab' }))
    keyring.save(sampleNamespace({ name: 'field' }))
    for (const wanted of [lab.signed.id, 'lab', lab.signed.id.slice(0, 8)]) {
      assert.equal(keyring.find(wanted).signed.id, lab.signed.id)
    }
    assert.deepEqual(
      keyring.list().map(({ signed }) => signed.record.name),
      ['field', 'lab'],
    )
  })

  test('says what there is when it does not know a namespace', () => {
    const keyring = new Keyring(home)
    assert.match(refusal(() => keyring.find('lab')).message, /none yet/)
    keyring.save(sampleNamespace({ name: 'field' }))
    const error = refusal(() => keyring.find('lab'))
    assert.equal(error.code, 'NAMESPACE_UNKNOWN')
    assert.match(error.message, /"lab".*field \([a-z2-7]{20}\)/)
  })

  test('asks for an id when two namespaces have one name', () => {
    const keyring = new Keyring(home)
    keyring.save(sampleNamespace({ name: 'lab' }))
    keyring.save(sampleNamespace({ name: 'lab' }))
    assert.equal(refusal(() => keyring.find('lab')).code, 'NAMESPACE_AMBIGUOUS')
  })

  test('keeps the signing key when its own token is imported again', () => {
    const keyring = new Keyring(home)
    const made = keyring.save(sampleNamespace())
    keyring.save({ ...parseToken(tokenOf(made)), signingKey: undefined })
    assert.deepEqual(keyring.find('lab').signingKey, made.signingKey)
  })

  test('names a corrupt file and the remedy', () => {
    const keyring = new Keyring(home)
    const { signed } = keyring.save(sampleNamespace())
    const path = join(home, 'namespaces', `${signed.id}.json`)
    for (const content of ['', '{"version":1', '{"version":2}', 'null']) {
      writeFileSync(path, content)
      const error = refusal(() => keyring.list())
      assert.equal(error.code, 'KEYRING_CORRUPT')
      assert.ok(error.message.includes(path))
    }
  })

  test('that cannot be written is refused and leaves nothing behind', () => {
    writeFileSync(join(home, 'file'), '')
    const keyring = new Keyring(join(home, 'file'))
    assert.match(refusal(() => keyring.save(sampleNamespace())).code, /^KEYRING_UN/)
    assert.deepEqual(readdirSync(home), ['file'])
  })

  test('lives where WOW_HOME says', () => {
    assert.equal(wowHome({ WOW_HOME: '/somewhere' }), '/somewhere')
    assert.match(wowHome({}), /\/\.config\/wow$/)
  })
})
