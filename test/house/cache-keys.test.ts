import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { SHAPING, SHAPING_FILES } from '../../scripts/appliance/base/base.ts'
import { type Flavour, readFlavour } from '../../scripts/appliance/base/flavour.ts'
import { packagesKey } from '../../scripts/appliance/base/packages.ts'
import { reachable, readModules } from '../../scripts/house/modules.ts'
import { inRoot } from '../../scripts/lib/paths.ts'

const shapes = (path: string) => SHAPING.some((folder) => path.startsWith(`scripts/${folder}/`))

describe('the key of the base', async () => {
  const modules = await readModules()

  test('has all modules that shape an image', () => {
    const used = [...reachable(modules, 'scripts/appliance/base/base.ts')]
    // The cache, the user namespace and the way files are hashed do not change what is built.
    const others = ['scripts/appliance/cache.ts', 'scripts/appliance/sha256.ts', 'scripts/appliance/user-namespace.ts']
    const outside = used.filter((path) => path.startsWith('scripts/') && !others.includes(path) && !shapes(path))
    assert.deepEqual(outside, [])
  })

  test('has all files that those modules read from the root of the checkout', () => {
    const named = [...modules.keys()].filter(shapes).flatMap((path) => {
      const text = readFileSync(inRoot(path), 'utf8')
      return [...text.matchAll(/inRoot\('([^'/]+\.\w+)'\)/g)].map(([, file]) => file)
    })
    assert.deepEqual([...new Set(named)], SHAPING_FILES)
  })
})

describe('the key of the packages', () => {
  const flavour = readFlavour('minimal')
  const key = packagesKey(flavour, undefined)

  test('changes with everything that decides what Debian installs', () => {
    const changes: Partial<Flavour>[] = [
      { suite: 'forky' },
      { packages: [...flavour.packages, 'bc'] },
      { bootModules: [...flavour.bootModules, 'nvme'] },
      { excludePaths: [...flavour.excludePaths, '/usr/share/man/*'] },
      { excludeModules: [...flavour.excludeModules, 'sound'] },
    ]
    const keys = changes.map((change) => packagesKey({ ...flavour, ...change }, undefined))
    keys.push(packagesKey(flavour, 'http://mirror.example/debian'))
    assert.equal(new Set([key, ...keys]).size, changes.length + 2)
  })

  test('stays when only the rest of the flavour changes', () => {
    const disk = { ...flavour.disk, rootMiB: flavour.disk.rootMiB + 1 }
    assert.equal(packagesKey({ ...flavour, disk, description: 'other' }, undefined), key)
  })
})
