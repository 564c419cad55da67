import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Modules } from '../../scripts/house/modules.ts'
import {
  deadExports,
  hiddenImports,
  silenced,
  strayKinds,
  strayTests,
  unusedModules,
  withNamed,
} from '../../scripts/house/sources.ts'

const texts = (files: Readonly<Record<string, string>>) => new Map(Object.entries(files))
/** In two parts, so that the rule does not find it in this file. */
const LOAD = ['im', 'port('].join('')

describe('a module that is loaded by its path', () => {
  const modules: Modules = new Map(['low/a.ts', 'high/b.ts', 'high/c.mjs'].map((path) => [path, new Set<string>()]))
  const namedBy = (text: string) => [...(withNamed(modules, texts({ 'low/a.ts': text })).get('low/a.ts') ?? [])]

  test('counts as imported, whether the path starts at the file or at the checkout', () => {
    assert.deepEqual(namedBy("new Worker(new URL('../high/b.ts', import.meta.url))"), ['high/b.ts'])
    assert.deepEqual(namedBy("require('../high/c.mjs')"), ['high/c.mjs'])
    assert.deepEqual(namedBy('fork(`high/b.ts`)'), ['high/b.ts'])
  })

  test('does not when only a comment names it, or no such file is there', () => {
    assert.deepEqual(namedBy("// see 'high/b.ts'\n/** Like\n * 'high/b.ts'. */\nfork('high/gone.ts')"), [])
  })
})

describe('the rule against imports that nobody can follow', () => {
  test('names a file that makes the name of a module at run time', () => {
    for (const name of ['name', '`../boot/plan.ts`', "'../boot/' + name"]) {
      assert.match(
        hiddenImports(texts({ 'a.ts': `await ${LOAD}${name})` })).join(),
        /^a\.ts imports a module by a name/,
      )
    }
  })

  test('lets a name be written out, and prose speak of it', () => {
    const written = `await ${LOAD}'./b.ts')\ntype C = ${LOAD}'./c.ts').C`
    assert.deepEqual(hiddenImports(texts({ 'a.ts': written, 'b.ts': ` * calls ${LOAD}name)`, 'c.md': LOAD })), [])
  })
})

describe('the rule that tools read all code', () => {
  test('names a file in a language that none of them reads', () => {
    const strange = ['a.js', 'b.cjs', 'c.mts', 'd.tsx', 'e.cc'].map((file) => `agent/${file}`)
    assert.equal(strayKinds(['agent/a.ts', 'scripts/build.mjs', 'agent/tap.c', 'agent/tap.h', ...strange]).length, 5)
  })

  test('names a test that stands where no test run looks', () => {
    assert.deepEqual(strayTests(['test/a.test.ts', 'test/net/b.e2e.test.ts', 'test/doubles.ts']), [])
    for (const file of ['agent/a.test.ts', 'test/b.spec.ts', 'test/c.test.mjs', 'test/d_test.ts']) {
      assert.match(strayTests([file]).join(), /^make test does not run/, file)
    }
  })

  test('names a file that tells a tool to look away', () => {
    const away = texts({ 'a.ts': '// @ts-nocheck\n', 'b.ts': '/** Head. */\n\n// biome-ignore-all lint: no time\n' })
    assert.deepEqual(
      silenced(away).map((fault) => fault.split(':')[0]),
      ['a.ts says @ts-nocheck', 'b.ts says biome-ignore-all'],
    )
  })
})

describe('the rule against dead code', () => {
  test('names a module that nothing imports, starts or runs as a test', () => {
    const modules: Modules = new Map([
      ['a.ts', new Set(['b.ts'])],
      ['b.ts', new Set()],
      ['a.test.ts', new Set()],
      ['lib/x.ts', new Set()],
    ])
    const files = { 'a.ts': '', 'b.ts': '', 'a.test.ts': '', 'lib/x.ts': '', 'max.hbs': 'lib/max.ts' }
    assert.deepEqual(unusedModules(modules, texts({ ...files, Makefile: 'node a.ts' })), [
      'nothing imports or starts lib/x.ts',
    ])
    assert.equal(unusedModules(modules, texts(files)).length, 2)
  })

  test('names an export that nothing uses, not even its own module', () => {
    const files = texts({
      'a.ts': 'export const used = 1\nexport async function own() {}\nown()\nexport interface Dead {}\n',
      'b.ts': "import { used } from './a.ts'\n",
    })
    assert.deepEqual(deadExports(files), ['a.ts exports Dead, which nothing uses'])
  })
})
