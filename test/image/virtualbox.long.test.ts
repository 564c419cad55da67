import assert from 'node:assert/strict'
import { closeSync, copyFileSync, openSync, readSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { TestAppliance } from './appliance.ts'
import { ensureVirtualBox, VirtualBox } from './virtualbox.ts'

const isRoot = process.getuid?.() === 0

describe('VirtualBox', { skip: isRoot ? false : 'needs root for a chroot' }, () => {
  const appliance = new TestAppliance('vbox', '10.201.0.0/16')
  let virtualBox: VirtualBox

  before(async () => {
    appliance.bake({ FORMATS: 'ova,vdi' })
    await ensureVirtualBox(process.env.MIRROR || undefined)
    virtualBox = new VirtualBox()
  })
  after(() => {
    virtualBox?.close()
    appliance.remove()
  })

  const fact = (machine: string, pattern: RegExp) => {
    const { ok, output } = virtualBox.manage('showvminfo', machine, '--machinereadable')
    assert.ok(ok, output)
    return pattern.exec(output)?.[1]
  }

  test('imports the OVA twice, as two machines with hardware of their own', () => {
    const ova = virtualBox.bring(appliance.file('ova'))
    for (const name of ['one', 'two']) {
      const { ok, output } = virtualBox.manage('import', ova, '--vsys', '0', '--vmname', name)
      assert.ok(ok, output)
    }
    for (const pattern of [/^hardwareuuid="(.+)"/m, /^macaddress1="(.+)"/m, /^"SATA-ImageUUID-0-0"="(.+)"/m]) {
      const [one, two] = [fact('one', pattern), fact('two', pattern)]
      assert.ok(one !== undefined && two !== undefined, `${pattern} is in neither`)
      assert.notEqual(one, two)
    }
    assert.equal(fact('one', /^nictype1="(.+)"/m), '82540EM')
    assert.equal(fact('one', /^storagecontrollertype0="(.+)"/m), 'IntelAhci')
  })

  test('refuses an OVA with one byte changed', () => {
    const broken = join(appliance.scratch, 'broken.ova')
    copyFileSync(appliance.file('ova'), broken)
    const file = openSync(broken, 'r+')
    const byte = Buffer.alloc(1)
    const middle = Math.floor(statSync(broken).size / 2)
    readSync(file, byte, 0, 1, middle)
    byte[0] = (byte[0] ?? 0) ^ 1
    writeSync(file, byte, 0, 1, middle)
    closeSync(file)
    const { ok, output } = virtualBox.manage('import', virtualBox.bring(broken), '--vsys', '0', '--vmname', 'broken')
    assert.ok(!ok, output)
  })

  test('takes the VDI of another namespace beside this one: their UUIDs differ', () => {
    const other = new TestAppliance('vbox2', '10.202.0.0/16')
    try {
      other.bake({ FORMATS: 'vdi' })
      for (const path of [appliance.file('vdi'), other.file('vdi')]) {
        const { ok, output } = virtualBox.manage('showmediuminfo', 'disk', virtualBox.bring(path))
        assert.ok(ok, output)
        assert.match(output, /Format variant: *dynamic default/)
      }
    } finally {
      other.remove()
    }
  })
})
