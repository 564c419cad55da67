import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Modules, parseExplanation } from '../../scripts/house/modules.ts'
import { circles, emptyPlaces, longFiles, unseen, upwardImports } from '../../scripts/house/rules.ts'

const FLOORS = [['roof/'], ['left/', 'right/'], ['left/cellar/', 'ground.ts']]

function modules(imports: Readonly<Record<string, readonly string[]>>): Modules {
  const all = new Map<string, Set<string>>()
  for (const [path, imported] of Object.entries(imports)) {
    all.set(path, new Set(imported))
    for (const one of imported) if (!all.has(one)) all.set(one, new Set())
  }
  return all
}

describe('the rule of the floors', () => {
  test('lets imports go down, and stay in their folder', () => {
    const house = modules({ 'roof/a.ts': ['left/b.ts', 'roof/c.ts', 'ground.ts'], 'left/b.ts': ['left/cellar/d.ts'] })
    assert.deepEqual(upwardImports(house, FLOORS), [])
  })

  test('names an import that goes up, and one that goes across', () => {
    const house = modules({ 'ground.ts': ['roof/a.ts'], 'left/b.ts': ['right/e.ts'] })
    assert.deepEqual(upwardImports(house, FLOORS), [
      'ground.ts imports roof/a.ts: roof/ stands above ground.ts (scripts/house/floors.ts)',
      'left/b.ts imports right/e.ts: right/ stands beside left/ (scripts/house/floors.ts)',
    ])
  })

  test('names a module of a folder that nobody gave a floor', () => {
    assert.match(upwardImports(modules({ 'shed/f.ts': [] }), FLOORS).join(), /^shed\/f\.ts stands on no floor/)
  })

  test('names a place that its modules have left', () => {
    const house = modules({ 'roof/a.ts': ['left/b.ts', 'ground.ts'], 'left/cellar/d.ts': [] })
    assert.deepEqual(emptyPlaces(house, FLOORS), ['no module stands in right/: take it off scripts/house/floors.ts'])
  })
})

describe('the rule against circles', () => {
  test('finds one however long it is, and tells it once', () => {
    const house = modules({ 'a.ts': ['b.ts'], 'b.ts': ['c.ts'], 'c.ts': ['a.ts'], 'd.ts': ['a.ts'] })
    assert.deepEqual(circles(house), ['these import each other in a circle: a.ts -> b.ts -> c.ts -> a.ts'])
  })

  test('lets two ways lead to one module', () => {
    assert.deepEqual(circles(modules({ 'a.ts': ['b.ts', 'c.ts'], 'b.ts': ['d.ts'], 'c.ts': ['d.ts'] })), [])
  })
})

describe('the rule of short files', () => {
  test('names a file that is too long, and a median that is', () => {
    assert.deepEqual(
      longFiles(
        new Map([
          ['a.ts', 350],
          ['b.ts', 10],
          ['c.ts', 20],
        ]),
      ),
      [],
    )
    assert.match(
      longFiles(
        new Map([
          ['a.ts', 351],
          ['b.ts', 10],
          ['c.ts', 20],
        ]),
      ).join(),
      /^a\.ts has 351 lines/,
    )
    assert.match(
      longFiles(
        new Map([
          ['a.ts', 121],
          ['b.ts', 130],
          ['c.ts', 20],
        ]),
      ).join(),
      /^the median file has 121/,
    )
  })

  test('holds for templates and shell scripts, which do not lower the median', () => {
    const long = longFiles(
      new Map([
        ['long.cfg.hbs', 351],
        ['a.ts', 121],
        ['b.conf', 1],
        ['c.conf', 1],
      ]),
    )
    assert.match(long.join(), /^long\.cfg\.hbs has 351 lines.*the median file has 121/)
  })
})

describe('the rule that tools see every file', () => {
  test('names a file that one does not see, and how to show it', () => {
    assert.deepEqual(unseen(['a.ts', 'b.ts'], new Set(['a.ts']), 'the compiler', 'add it'), [
      'the compiler does not see b.ts: add it',
    ])
  })
})

describe('the modules of the checkout', () => {
  test('are read from what the compiler says of itself', () => {
    const text = [
      'node_modules/zx/build/index.d.ts',
      "   Imported via 'zx' from file 'scripts/a.ts' with packageId 'zx/build/index.d.ts@8.8.5'",
      'scripts/b.ts',
      "   Imported via './b.ts' from file 'scripts/a.ts'",
      'scripts/c.ts',
      "   Referenced via './c.ts' from file 'scripts/a.ts'",
      "   Matched by include pattern 'scripts' in 'tsconfig.json'",
      'scripts/a.ts',
      "   Matched by include pattern 'scripts' in 'tsconfig.json'",
    ].join('\n')
    const read = parseExplanation(text)
    assert.deepEqual([...read.keys()].sort(), ['scripts/a.ts', 'scripts/b.ts', 'scripts/c.ts'])
    assert.deepEqual([...(read.get('scripts/a.ts') ?? [])], ['scripts/b.ts', 'scripts/c.ts'])
  })
})
