import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { InputError } from '../../agent/core/errors.ts'
import { diskLayout } from '../../scripts/appliance/base/disk.ts'
import { flavourNames, readFlavour } from '../../scripts/appliance/base/flavour.ts'
import { imagesFolder } from '../../scripts/lib/paths.ts'

const folder = mkdtempSync(join(tmpdir(), 'wow-flavours-'))
after(() => rmSync(folder, { recursive: true }))

/** A copy of the minimal flavour with some fields changed. */
function changed(name: string, changes: Record<string, unknown>): string {
  const settings: Record<string, unknown> = JSON.parse(
    readFileSync(join(imagesFolder, 'minimal', 'flavour.json'), 'utf8'),
  )
  mkdirSync(join(folder, name))
  writeFileSync(join(folder, name, 'flavour.json'), JSON.stringify({ ...settings, ...changes }))
  return name
}

/** A flavour that extends `base`. */
function extension(name: string, own: Record<string, unknown>): string {
  mkdirSync(join(folder, name))
  writeFileSync(join(folder, name, 'flavour.json'), JSON.stringify({ extends: 'base', ...own }))
  return name
}

function refuses(code: string, naming: RegExp, name: string, at: string): void {
  assert.throws(
    () => readFlavour(name, at),
    (error: unknown) =>
      error instanceof InputError && error.code === code && naming.test(`${error.message} ${error.hint}`),
  )
}

describe('flavours', () => {
  test('every flavour in the tree is sound', () => {
    assert.ok(flavourNames().includes('minimal'))
    for (const name of flavourNames()) assert.equal(readFlavour(name).name, name)
  })

  test('an unknown flavour is named, with those that there are', () => {
    refuses('FLAVOUR_UNKNOWN', /FLAVOUR.*"maximal".*minimal/, 'maximal', imagesFolder)
  })

  test('a flavour is a name, never a path', () => {
    refuses('FLAVOUR_UNKNOWN', /FLAVOUR/, '../images/minimal', imagesFolder)
  })

  test('a field that is wrong is named with its place', () => {
    refuses('FLAVOUR_INVALID', /packages\.0.*"rm -rf"/, changed('shell', { packages: ['rm -rf'] }), folder)
    refuses('FLAVOUR_INVALID', /tap/, changed('tap', { tap: 'a-name-that-is-too-long' }), folder)
    refuses('FLAVOUR_INVALID', /extra/, changed('extra', { extra: 1 }), folder)
    refuses('FLAVOUR_INVALID', /disk\.espMiB/, changed('esp', { disk: { espMiB: 8, rootMiB: 4000 } }), folder)
  })

  test('a file that is no JSON is named', () => {
    mkdirSync(join(folder, 'broken'))
    writeFileSync(join(folder, 'broken', 'flavour.json'), '{"packages": [')
    refuses('FLAVOUR_INVALID', /broken.*no JSON/, 'broken', folder)
  })

  test('a flavour that extends another has all of the other, and what is its own', () => {
    const base = readFlavour('minimal')
    changed('base', {})
    const machine = { memoryMiB: 4096, cpus: 4 }
    extension('more', { packages: ['nano'], units: { enable: ['more.service'] }, machine })
    const more = readFlavour('more', folder)
    assert.deepEqual([...more.packages].sort(), [...base.packages, 'nano'].sort())
    assert.ok(more.units.enable.includes('more.service') && more.units.enable.includes('wow.service'))
    assert.deepEqual(more.units.mask, [...base.units.mask].sort())
    assert.equal(more.machine.memoryMiB, 4096)
    assert.deepEqual(more.folders, [join(folder, 'base'), join(folder, 'more')])
    refuses(
      'FLAVOUR_INVALID',
      /flavour\.json: packages\.0.*"rm -rf"/,
      extension('bad', { packages: ['rm -rf'] }),
      folder,
    )
    refuses('FLAVOUR_UNKNOWN', /"nobody"/, extension('orphan', { extends: 'nobody' }), folder)
    refuses('FLAVOUR_INVALID', /itself/, extension('selfish', { extends: 'selfish' }), folder)
    extension('hen', { extends: 'egg' })
    refuses('FLAVOUR_INVALID', /itself \(egg -> hen -> egg\)/, extension('egg', { extends: 'hen' }), folder)
  })

  test('the minimal disk is 4 GiB, its root partition on a mebibyte', () => {
    const layout = diskLayout(readFlavour('minimal').disk)
    assert.equal(layout.size, 4 * 1024 ** 3)
    assert.equal(layout.rootAt % 2048, 0)
    assert.ok((layout.rootAt + layout.rootSectors) * 512 < layout.size, 'room for the second partition table')
  })
})
