/** A user's own base, made by booting ours under QEMU, and an image baked from it. */

import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { $ } from 'zx'
import { rootOffset } from '../../scripts/appliance/base/disk.ts'
import { readFlavour } from '../../scripts/appliance/base/flavour.ts'
import { readExt4 } from '../../scripts/appliance/hygiene/ext4.ts'
import { distFolder } from '../../scripts/lib/paths.ts'
import { TestAppliance } from './appliance.ts'

const isRoot = process.getuid?.() === 0

describe('make custom', { skip: isRoot ? false : 'needs root here' }, () => {
  const appliance = new TestAppliance('custom', '10.208.0.0/16')
  const name = `test-${process.pid}`
  const base = join(distFolder, 'bases', name)
  after(() => {
    appliance.remove()
    rmSync(base, { recursive: true, force: true })
  })

  test('runs a script in the base as root, and any namespace is baked from what it left', async () => {
    const script = join(appliance.scratch, 'setup.sh')
    writeFileSync(script, '#!/bin/sh\nset -e\nid -u >/etc/customised\n')
    appliance.run('custom.ts', { BASE: 'minimal', SCRIPT: script, NAME: name })
    assert.ok(existsSync(join(base, 'base.json')))

    appliance.bake({ BASE: base, FORMATS: 'qcow2,ova' })
    appliance.run('verify.ts', { NS: appliance.id })
    const raw = join(appliance.scratch, 'disk.raw')
    await $({ quiet: true })`qemu-img convert -O raw ${appliance.file('qcow2')} ${raw}`
    const contents = await (await readExt4(raw, rootOffset(readFlavour('minimal')))).read(['/etc/customised'])
    assert.equal(Buffer.from(contents.get('/etc/customised') ?? []).toString(), '0\n')
    const bill: { packages: unknown[] } = JSON.parse(readFileSync(appliance.file('spdx.json'), 'utf8'))
    assert.ok(bill.packages.length > 100)
  })
})
