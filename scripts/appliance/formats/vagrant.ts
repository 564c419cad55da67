/**
 * Vagrant boxes, one per provider, as documented by Vagrant for VirtualBox (`box.ovf` and its disk) and by
 * vagrant-libvirt for libvirt and qemu (`box.img`).
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pack } from './archive.ts'
import { descriptorFile } from './descriptor.ts'
import type { BakeContext, Format } from './format.ts'
import { ovfPackage } from './ovf.ts'

const GIB = 2 ** 30

export const vagrant: Format = {
  about: 'Vagrant: boxes for libvirt and for VirtualBox',
  containers: ['qcow2', 'stream.vmdk'],
  async bake(context) {
    await box(context, 'libvirt', async ({ disk, scratch, capacity }) => {
      await disk('qcow2', join(scratch, 'box.img'), 'box.img')
      return { files: ['box.img'], facts: { format: 'qcow2', virtual_size: Math.ceil(capacity / GIB) } }
    })
    await box(context, 'virtualbox', async (inBox) => {
      await ovfPackage(inBox, { disk: 'box-disk1.vmdk', ovf: 'box.ovf' })
      return { files: ['box.ovf', 'box-disk1.vmdk'], facts: {} }
    })
  },
}

type Fill = (context: BakeContext) => Promise<{ files: string[]; facts: Record<string, unknown> }>

async function box(context: BakeContext, provider: string, fill: Fill): Promise<void> {
  const { flavour, basename, title, folder } = context
  const scratch = join(context.scratch, provider)
  mkdirSync(scratch)
  const { files, facts } = await fill({ ...context, scratch })
  writeFileSync(join(scratch, 'metadata.json'), `${JSON.stringify({ provider, ...facts })}\n`)
  descriptorFile('vagrant/Vagrantfile.hbs', { title, machine: flavour.machine }, join(scratch, 'Vagrantfile'))
  await pack(scratch, ['metadata.json', 'Vagrantfile', ...files], join(folder, `${basename}.${provider}.box`))
}
