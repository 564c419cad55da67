import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { cached, KeyBuilder } from '../../scripts/appliance/cache.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wow-cache-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('the cache of built things', () => {
  let builds = 0
  const entry = (key: string, content = 'built') =>
    cached({
      kind: 'thing',
      key,
      folder,
      build: async (to) => {
        builds++
        writeFileSync(join(to, 'file'), content)
      },
    })
  beforeEach(() => {
    builds = 0
  })

  test('builds once and gives the same again', async () => {
    const first = await entry('a')
    assert.equal(await entry('a'), first)
    assert.equal(builds, 1)
    assert.equal(readFileSync(join(first, 'file'), 'utf8'), 'built')
  })

  test('builds again what is damaged: changed, cut short, or without its list', async () => {
    const path = await entry('a')
    for (const damage of [
      () => writeFileSync(join(path, 'file'), 'BUILT'),
      () => writeFileSync(join(path, 'file'), 'bui'),
      () => rmSync(join(path, 'file')),
      () => rmSync(join(path, 'entry.json')),
      () => writeFileSync(join(path, 'entry.json'), '{"key"'),
    ]) {
      const before = builds
      damage()
      await entry('a')
      assert.equal(builds, before + 1)
      assert.equal(readFileSync(join(path, 'file'), 'utf8'), 'built')
    }
  })

  test('a build that fails leaves nothing behind', async () => {
    const failing = cached({
      kind: 'thing',
      key: 'a',
      folder,
      build: async (to) => {
        writeFileSync(join(to, 'half'), '')
        throw new Error('no more room')
      },
    })
    await assert.rejects(failing, /no more room/)
    assert.equal(existsSync(join(folder, 'thing', 'a')), false)
    assert.deepEqual(readdirSync(join(folder, 'tmp')), [])
  })

  test('what an interrupted build left does not get into the next one', async () => {
    mkdirSync(join(folder, 'tmp', 'thing'), { recursive: true })
    writeFileSync(join(folder, 'tmp', 'thing', 'half'), '')
    assert.deepEqual(readdirSync(await entry('a')).sort(), ['entry.json', 'file'])
  })

  test('two who need the same thing at once build it once', async () => {
    const [one, two] = await Promise.all([entry('a'), entry('a')])
    assert.equal(one, two)
    assert.equal(builds, 1)
  })

  test('keeps the entry in use and the one before it', async () => {
    for (const key of ['a', 'b', 'c']) await entry(key)
    const kept = readdirSync(join(folder, 'thing'))
    assert.equal(kept.length, 2)
    assert.ok(kept.includes('c'))
  })
})

describe('the key of a built thing', () => {
  function key(): string {
    return new KeyBuilder().value('suite', 'trixie').folder('templates', folder).finish()
  }

  test('changes with a value, and with the name, content and mode of a file', () => {
    const seen = new Set([key(), new KeyBuilder().value('suite', 'forky').folder('templates', folder).finish()])
    writeFileSync(join(folder, 'a'), '1')
    seen.add(key())
    writeFileSync(join(folder, 'a'), '2')
    seen.add(key())
    chmodSync(join(folder, 'a'), 0o755)
    seen.add(key())
    writeFileSync(join(folder, 'b'), '')
    seen.add(key())
    assert.equal(seen.size, 6)
  })

  test('stays the same for the same content', () => {
    writeFileSync(join(folder, 'a'), '1')
    const before = key()
    writeFileSync(join(folder, 'a'), '1')
    assert.equal(key(), before)
  })
})
