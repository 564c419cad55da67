import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { describe, test } from 'node:test'
import { VERSION } from '../../agent/version.ts'
import { FLOORS } from '../../scripts/house/floors.ts'
import { inRoot } from '../../scripts/lib/paths.ts'

const read = (file: string) => readFileSync(inRoot(file), 'utf8')
const pages = ['README.md', 'CONTRIBUTING.md', ...readdirSync(inRoot('docs')).map((name) => `docs/${name}`)]
const folders = ['agent', 'bench', 'docs', 'images', 'lab', 'packer', 'scripts', 'sim', 'templates', 'test']
const path = new RegExp(`(?<![\\w./@-])(?:${folders.join('|')})/[\\w./*-]*[\\w*]`, 'g')
/** What a page has in code: between backticks, or in a block that is indented. */
const codeIn = (page: string) => (read(page).match(/`[^`\n]+`|^ {4}.*$/gm) ?? []).join('\n')
/** The same without the rows of the picture of the floors, which are prose that begins with a path. */
const commandsIn = (page: string) => codeIn(page).replace(/^ {4}(\w+\/)+.*$/gm, '')
/** A file or folder, or a pattern such as `test/dht/*.test.ts` that stands for at least one file. */
const isThere = (name: string) => {
  if (!name.includes('*')) return existsSync(inRoot(name))
  const folder = inRoot(dirname(name))
  const [before = '', after = ''] = basename(name).split('*')
  return existsSync(folder) && readdirSync(folder).some((file) => file.startsWith(before) && file.endsWith(after))
}

describe('the documentation', () => {
  for (const page of pages) {
    test(`names only files that there are: ${page}`, () => {
      const named = [...codeIn(page).matchAll(path)].map(([file]) => file)
      assert.deepEqual(
        named.filter((file) => !isThere(file)),
        [],
      )
    })
  }

  test('names only targets of make that there are', () => {
    const targets = [...read('Makefile').matchAll(/^([\w-]+):/gm)].map(([, target]) => target)
    for (const page of pages) {
      const named = [...commandsIn(page).matchAll(/\bmake ([a-z][\w-]*)/g)].map(([, target]) => target)
      const missing = named.filter((target) => !targets.includes(target))
      assert.deepEqual(missing, [], page)
    }
  })

  test('names only commands of wow, and options of theirs, that there are', () => {
    const helps = new Map<string, string>()
    const help = (command: string) => {
      const argv = ['--import', 'tsx', inRoot('agent', 'cli', 'wow.ts'), ...command.split(' ').filter(Boolean)]
      const text = helps.get(command) ?? spawnSync(process.execPath, [...argv, '--help'], { encoding: 'utf8' }).stdout
      helps.set(command, text)
      return text
    }
    for (const page of pages) {
      // Up to the end of the command: another program's options are none of wow's.
      for (const [line] of commandsIn(page).matchAll(/(?<![\w./-])wow [a-z-][^\n`|&#()]*/g)) {
        const words = line.split(' ').slice(1)
        const of = (command: string) => [...help(command).matchAll(/^ {2}([a-z][\w-]*)/gm)].map(([, name]) => name)
        let command = ''
        while (words[0] !== undefined && of(command).includes(words[0])) command = `${command} ${words.shift()}`.trim()
        assert.ok(command !== '' || words[0]?.startsWith('-'), `${page}: ${line}`)
        for (const [option] of line.matchAll(/--[a-z][\w-]*/g)) {
          assert.match(help(command), new RegExp(`${option}(?![\\w-])`), `${page}: ${line}: ${option}`)
        }
      }
    }
  })

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
    const drawn = [...floors.matchAll(/^ {4}.*$/gm)]
      .map(([line]) => line.split(/\s+/).filter((word) => /^(\w+\/)+(\w+\.ts)?$/.test(word)))
      .filter((places) => places.length > 0)
    assert.deepEqual(drawn, FLOORS)
  })

  test('and the code agree on the version', () => {
    assert.equal(JSON.parse(read('package.json')).version, VERSION)
  })
})
