import assert from 'node:assert/strict'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { InputError } from '../../agent/core/errors.ts'
import { addressOfPublicKey } from '../../agent/overlay/address.ts'
import { loadOrCreateIdentity } from '../../agent/transport/identity.ts'

describe('the identity of a node', () => {
  let dir: string
  const file = () => join(dir, 'identity.json')

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'wow-identity-'))
  })

  afterEach(() => rm(dir, { recursive: true }))

  test('is made on the first run and stays', async () => {
    const first = await loadOrCreateIdentity(dir, 'm1')
    const second = await loadOrCreateIdentity(dir, 'm1')
    assert.equal(second.peerId, first.peerId)
    assert.equal(second.address, first.address)
    assert.deepEqual([first.replaced, second.replaced], [false, false])
    assert.match(first.peerId, /^12D3KooW/)
    assert.equal(first.address, addressOfPublicKey(first.privateKey.publicKey.raw))
  })

  test('is readable by its owner alone, and nothing else is left behind', async () => {
    await loadOrCreateIdentity(dir, null)
    assert.equal((await stat(file())).mode & 0o777, 0o600)
    assert.deepEqual(await readdir(dir), ['identity.json'])
  })

  test('makes the state folder when it is missing', async () => {
    const made = await loadOrCreateIdentity(join(dir, 'a', 'b'), null)
    assert.equal((await loadOrCreateIdentity(join(dir, 'a', 'b'), null)).peerId, made.peerId)
  })

  test('is left behind on another machine, and that is said once', async () => {
    const original = await loadOrCreateIdentity(dir, 'm1')
    const copy = await loadOrCreateIdentity(dir, 'm2')
    assert.notEqual(copy.peerId, original.peerId)
    assert.equal(copy.replaced, true)
    const again = await loadOrCreateIdentity(dir, 'm2')
    assert.deepEqual([again.peerId, again.replaced], [copy.peerId, false])
  })

  test('stays when the machine cannot be told', async () => {
    const original = await loadOrCreateIdentity(dir, 'm1')
    const unknown = await loadOrCreateIdentity(dir, null)
    assert.deepEqual([unknown.peerId, unknown.replaced], [original.peerId, false])
  })

  const damaged: [string, (text: string) => string][] = [
    ['emptied', () => ''],
    ['cut off', (text) => text.slice(0, 60)],
    ['of another version', (text) => text.replace('"version": 1', '"version": 9')],
    ['with a damaged key', (text) => text.replace(/"privateKey": "..../, '"privateKey": "AAAA')],
    ['with a key that is no text', (text) => text.replace(/"privateKey": "[^"]*"/, '"privateKey": 7')],
  ]
  for (const [how, damage] of damaged) {
    test(`${how}, is an error that names the file and leaves it alone`, async () => {
      await loadOrCreateIdentity(dir, 'm1')
      const text = damage(await readFile(file(), 'utf8'))
      await writeFile(file(), text)
      await assert.rejects(loadOrCreateIdentity(dir, 'm1'), (error: unknown) => {
        assert.ok(error instanceof InputError)
        assert.equal(error.code, 'IDENTITY_CORRUPT')
        assert.ok(error.message.includes(file()))
        return true
      })
      assert.equal(await readFile(file(), 'utf8'), text)
    })
  }

  test('cannot be kept where a folder cannot be', async () => {
    await writeFile(join(dir, 'occupied'), '')
    const rejection = (error: unknown) => error instanceof InputError && error.code === 'STATE_UNUSABLE'
    await assert.rejects(loadOrCreateIdentity(join(dir, 'occupied'), null), rejection)
    await assert.rejects(loadOrCreateIdentity('/proc/wow', null), rejection)
  })

  test('cannot be kept in a folder that may not be written', { skip: process.getuid?.() === 0 }, async () => {
    await chmod(dir, 0o500)
    await assert.rejects(loadOrCreateIdentity(dir, null), InputError)
    await chmod(dir, 0o700)
  })
})
