import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { complete, freshFolder, replaceFolder, writeFacts } from '../../scripts/appliance/publish.ts'
import { render } from '../../scripts/lib/render.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wow-publish-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('dist/<namespace>', () => {
  test('has sums that sha256sum accepts and a manifest with the size of each file', async () => {
    writeFileSync(join(folder, 'wow-lab.qcow2'), 'image')
    writeFacts(folder, {
      namespace: { id: 'abc', name: 'lab', pool: '10.128.0.0/9' },
      flavour: 'minimal',
      formats: ['qcow2'],
      baseId: '00',
      packageListDigest: '11',
      sourceDateEpoch: 0,
    })
    await complete(folder)
    execFileSync('sha256sum', ['--check', '--strict', '--status', 'SHA256SUMS'], { cwd: folder })
    const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'))
    assert.equal(manifest.files.length, 1)
    assert.equal(manifest.files[0].bytes, 5)
    assert.equal(manifest.namespace.id, 'abc')
  })

  test('is replaced whole, with nothing of the former one left', () => {
    const target = join(folder, 'abc')
    mkdirSync(target)
    writeFileSync(join(target, 'old'), '')
    const fresh = freshFolder(folder, 'abc')
    writeFileSync(join(fresh, 'new'), '')
    replaceFolder(fresh, target)
    assert.deepEqual(readdirSync(target), ['new'])
    assert.deepEqual(readdirSync(folder), ['abc'])
  })

  test('starts from an empty folder after an interrupted run, and leaves other namespaces alone', () => {
    mkdirSync(join(folder, 'abcd'))
    writeFileSync(join(freshFolder(folder, 'abc'), 'half'), '')
    assert.deepEqual(readdirSync(freshFolder(folder, 'abc')), [])
    assert.ok(existsSync(join(folder, 'abcd')))
  })
})

describe('templates', () => {
  test('a value that nobody gave is an error, not an empty string', () => {
    writeFileSync(join(folder, 'a.hbs'), '{{missing}}')
    assert.throws(() => render(join(folder, 'a.hbs'), {}), /missing/)
  })

  test('values are escaped in XML and nowhere else', () => {
    writeFileSync(join(folder, 'a.xml.hbs'), '<title>{{title}}</title>')
    writeFileSync(join(folder, 'a.conf.hbs'), '{{title}}')
    assert.equal(render(join(folder, 'a.xml.hbs'), { title: 'a<b' }), '<title>a&lt;b</title>')
    assert.equal(render(join(folder, 'a.conf.hbs'), { title: 'a<b' }), 'a<b')
  })
})
