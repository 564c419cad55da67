/** Each format boots on the hardware that its descriptor promises: drivers find disk controller and network card. */

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type BootOptions, Machine } from '../../lab/qemu.ts'
import type { Accelerator } from '../../scripts/lib/accelerator.ts'
import { BOOT_MS, COMMAND_MS, consoleLog, TestAppliance } from './appliance.ts'

describe('an appliance', () => {
  const appliance = new TestAppliance('hardware', '10.203.0.0/16')
  let accelerator: Accelerator

  before(async () => {
    appliance.bake({ FORMATS: 'qcow2,vmdk,vdi' })
    accelerator = await appliance.accelerator()
  })
  after(() => appliance.remove())

  const hardware: readonly (readonly [suffix: string, Omit<BootOptions, 'image' | 'accelerator'>])[] = [
    ['qcow2', { firmware: 'bios', bus: 'virtio', card: 'virtio-net-pci' }],
    ['qcow2', { firmware: 'uefi', bus: 'virtio', card: 'virtio-net-pci' }],
    ['vmdk', { firmware: 'bios', bus: 'pvscsi', card: 'vmxnet3' }],
    ['vdi', { firmware: 'bios', bus: 'ahci', card: 'e1000' }],
  ]
  for (const [suffix, machine] of hardware) {
    const name = [suffix, ...Object.values(machine)].join(', ')
    test(`boots and gets its address: ${name}`, async () => {
      const log = consoleLog(name.replaceAll(', ', '-'))
      const booted = Machine.boot({ image: appliance.file(suffix), accelerator, log, ...machine })
      try {
        await booted.waitFor(/wow: phase=leased .*ip=10\.203\./, BOOT_MS)
        await booted.waitFor(/wow@wow-[0-9a-f]{8}:/, BOOT_MS)
        const { output } = await booted.run('systemctl list-units --failed --no-legend --plain', COMMAND_MS)
        assert.equal(output.trim(), '')
      } finally {
        await booted.stop()
      }
    })
  }
})
