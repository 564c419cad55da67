/** A copy gets another namespace at boot, in each way that QEMU has, and says where it came from. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Machine } from '../../lab/qemu.ts'
import { readFlavour } from '../../scripts/appliance/base/flavour.ts'
import { packageLayer } from '../../scripts/appliance/base/packages.ts'
import type { Accelerator } from '../../scripts/lib/accelerator.ts'
import { BOOT_MS, consoleLog, TestAppliance } from './appliance.ts'

describe('an appliance that is told otherwise at boot', () => {
  const appliance = new TestAppliance('baked', '10.205.0.0/16')
  const other = new TestAppliance('other', '10.206.0.0/16')
  const json = join(appliance.scratch, 'appliance.json')
  let accelerator: Accelerator

  before(async () => {
    appliance.bake({ FORMATS: 'qcow2' })
    accelerator = await appliance.accelerator()
    writeFileSync(json, JSON.stringify({ token: other.token }))
  })
  after(() => {
    appliance.remove()
    other.remove()
  })

  const joins = async (source: string, more: readonly string[]) => {
    const machine = Machine.boot({ image: appliance.file('qcow2'), accelerator, more, log: consoleLog(source) })
    try {
      await machine.waitFor(new RegExp(`wow: settings from=${source} fields=token`), BOOT_MS)
      const [line] = await machine.waitFor(/wow: phase=leased .*ip=[\d.]+/, BOOT_MS)
      assert.match(line, /ip=10\.206\./)
    } finally {
      await machine.stop()
    }
  }

  test('by a CD with the label cidata', async () => {
    const iso = join(appliance.scratch, 'cidata.iso')
    execFileSync('genisoimage', ['-quiet', '-volid', 'cidata', '-joliet', '-rock', '-output', iso, json])
    await joins('cidata', ['-drive', `if=none,id=cd,format=raw,readonly=on,file=${iso}`, '-device', 'ide-cd,drive=cd'])
  })

  test('by a FAT floppy', async () => {
    const floppy = join(appliance.scratch, 'floppy.img')
    execFileSync('mkfs.vfat', ['-C', floppy, '1440'])
    execFileSync('mcopy', ['-i', floppy, json, '::/appliance.json'])
    await joins('floppy', ['-drive', `if=floppy,format=raw,file=${floppy}`])
  })

  test('by the kernel command line', async () => {
    const kernel = join(appliance.scratch, 'vmlinuz')
    const initrd = join(appliance.scratch, 'initrd.img')
    const files = { [kernel]: './boot/vmlinuz-*', [initrd]: './boot/initrd.img-*' }
    const { tar } = await packageLayer(readFlavour('minimal'), process.env.MIRROR || undefined)
    for (const [to, name] of Object.entries(files)) {
      const content = execFileSync('tar', ['-xOf', tar, '--wildcards', name], { maxBuffer: 1 << 27 })
      writeFileSync(to, content)
    }
    const append = `root=LABEL=wowroot rw console=tty0 console=ttyS0,115200 net.ifnames=0 quiet wow.token=${other.token}`
    await joins('kernel', ['-kernel', kernel, '-initrd', initrd, '-append', append])
  })
})
