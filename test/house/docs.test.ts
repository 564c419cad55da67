import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { VERSION } from '../../agent/version.ts'
import { FLOORS } from '../../scripts/house/floors.ts'
import { inRoot } from '../../scripts/lib/paths.ts'

const read = (file: string) => readFileSync(inRoot(file), 'utf8')
const pages = ['README.md', 'CONTRIBUTING.md', ...readdirSync(inRoot('docs')).map((name) => `docs/${name}`)]
const folders = ['agent', 'bench', 'docs', 'images', 'lab', 'packer', 'scripts', 'sim', 'templates', 'test']
const path = new RegExp(`\`((?:${folders.join('|')})/[\\w./-]+)\``, 'g')

describe('the documentation', () => {
  for (const page of pages) {
    test(`names only files that there are: ${page}`, () => {
      const named = [...read(page).matchAll(path)].map(([, file = '']) => file)
      assert.deepEqual(
        named.filter((file) => !existsSync(inRoot(file))),
        [],
      )
    })
  }

  test('links only to pages that there are', () => {
    for (const page of pages) {
      const folder = page.includes('/') ? 'docs/' : ''
      const linked = [...read(page).matchAll(/\]\(([\w./-]+\.(?:md|svg|json))\)/g)].map(([, file = '']) => file)
      const missing = linked.filter((file) => !existsSync(inRoot(`${folder}${file}`)))
      assert.deepEqual(missing, [], page)
    }
  })

  test('draws the floors that are enforced, in their order', () => {
    const [, picture = ''] = read('docs/architecture.md').split('## The floors')
    const [floors = ''] = picture.split('## ')
    const drawn = [...floors.matchAll(/^ {4}.*$/gm)].flatMap(([line]) =>
      line.split(/\s+/).filter((word) => /^(\w+\/)+(\w+\.ts)?$/.test(word)),
    )
    assert.deepEqual(drawn, FLOORS.flat())
  })

  test('and the code agree on the version', () => {
    assert.equal(JSON.parse(read('package.json')).version, VERSION)
  })
})
