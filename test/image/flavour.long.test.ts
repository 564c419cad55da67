/** A user's own flavour, built as docs/appliance.md says. A second build, by any user, gives the same bytes. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { $ } from 'zx'
import { rootOffset } from '../../scripts/appliance/base/disk.ts'
import { readFlavour } from '../../scripts/appliance/base/flavour.ts'
import { readExt4 } from '../../scripts/appliance/hygiene/ext4.ts'
import { parseSums } from '../../scripts/appliance/publish.ts'
import { imagesFolder } from '../../scripts/lib/paths.ts'
import { TestAppliance } from './appliance.ts'
import { OrdinaryUser } from './ordinary-user.ts'

const name = `editor-${process.pid}`
const folder = join(imagesFolder, name)

const qcow2Digest = (sums: string) => [...parseSums(sums)].find(([file]) => file.endsWith('.qcow2'))?.[1] ?? ''

describe('a third flavour', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'wow-flavour-'))
  const appliance = new TestAppliance('editor', '10.207.0.0/16')
  const digests: string[] = []

  before(() => {
    const settings = { extends: 'minimal', description: 'With an editor.', packages: ['nano'] }
    mkdirSync(join(folder, 'root/etc'), { recursive: true })
    writeFileSync(join(folder, 'flavour.json'), JSON.stringify(settings))
    writeFileSync(join(folder, 'root/etc/nanorc.hbs'), 'set title "{{description}}"\n')
    writeFileSync(join(folder, 'hook'), '#!/bin/sh\nset -e\nnano --version | head -n 1 >/etc/editor-version\n')
    chmodSync(join(folder, 'hook'), 0o755)
  })
  after(() => {
    appliance.remove()
    for (const left of [scratch, folder]) rmSync(left, { recursive: true, force: true })
  })

  const bake = (cache: string) => {
    appliance.bake({ FLAVOUR: name, FORMATS: 'qcow2', WOW_CACHE: join(scratch, cache) })
    digests.push(qcow2Digest(readFileSync(join(appliance.dist, 'SHA256SUMS'), 'utf8')))
  }

  test('has its package, its file and what its hook made, and passes every check', async () => {
    bake('one')
    appliance.run('verify.ts', { NS: appliance.id })
    const raw = join(scratch, 'disk.raw')
    await $({ quiet: true })`qemu-img convert -O raw ${appliance.file('qcow2')} ${raw}`
    const tree = await readExt4(raw, rootOffset(readFlavour(name)))
    const contents = await tree.read(['/etc/nanorc', '/etc/editor-version'])
    const text = (path: string) => Buffer.from(contents.get(path) ?? []).toString()
    assert.equal(text('/etc/nanorc'), 'set title "With an editor."\n')
    assert.match(text('/etc/editor-version'), /GNU nano/)
    assert.ok(!tree.entries.some(({ path }) => path === '/hook'), 'the hook itself is not in the image')
    rmSync(raw)
  })

  test('is the same bytes when it is built again from nothing', () => {
    bake('two')
    assert.match(digests[0] ?? '', /^[0-9a-f]{64}$/)
    assert.equal(digests[1], digests[0])
  })

  test('is the same bytes when an ordinary user builds it, in another locale', () => {
    const user = new OrdinaryUser(`wow-${process.pid}`)
    try {
      const folders = ['agent', 'build', 'images', 'node_modules', 'packer', 'scripts', 'templates']
      user.give([...folders, 'package-lock.json', 'package.json'])
      const order = {
        NS: appliance.token,
        FLAVOUR: name,
        FORMATS: 'qcow2',
        MIRROR: process.env.MIRROR ?? '',
        LC_ALL: 'C',
      }
      user.run(order, ['--import', 'tsx', 'scripts/appliance.ts'])
      const sums = user.read(join('dist', appliance.id, 'SHA256SUMS'))
      assert.equal(qcow2Digest(sums), digests[0])
    } finally {
      user.remove()
    }
  })

  test('fails to build when its hook leaves something that must not be in an image', () => {
    writeFileSync(join(folder, 'hook'), '#!/bin/sh\nssh-keygen -q -t ed25519 -N "" -f /etc/ssh/ssh_host_ed25519_key\n')
    const before = readdirSync(appliance.dist)
    assert.throws(() => bake('two'))
    assert.deepEqual(readdirSync(appliance.dist), before, 'what was there stays')
  })

  test('is interrupted and leaves nothing half-written, and the next run goes on', () => {
    writeFileSync(join(folder, 'hook'), '#!/bin/sh\nsleep 600\n')
    const before = readdirSync(appliance.dist)
    const script = `timeout --signal=INT 20 "$0" --import tsx scripts/appliance.ts`
    const env = { ...appliance.env, NS: appliance.id, FLAVOUR: name, FORMATS: 'qcow2', WOW_CACHE: join(scratch, 'two') }
    assert.throws(() => execFileSync('sh', ['-c', script, process.execPath], { env, stdio: 'ignore' }))
    assert.deepEqual(readdirSync(appliance.dist), before)
    const cached = readdirSync(join(scratch, 'two', `base-${name}`))
    assert.equal(cached.length, 1, 'the cache has the base of before and no other')
    writeFileSync(join(folder, 'hook'), '#!/bin/sh\nset -e\nnano --version | head -n 1 >/etc/editor-version\n')
    bake('two')
    assert.equal(digests.at(-1), digests[0])
  })
})
