/** For KVM: a qcow2 and a libvirt domain that names it. */

import { join } from 'node:path'
import { descriptorFile } from './descriptor.ts'
import type { Format } from './format.ts'

export const qcow2: Format = {
  about: 'KVM: disk and libvirt XML',
  containers: ['qcow2'],
  async bake({ disk, flavour, basename, title, folder }) {
    const name = `${basename}.qcow2`
    await disk('qcow2', join(folder, name), name)
    const values = { basename, disk: name, title, machine: flavour.machine }
    descriptorFile('libvirt.xml.hbs', values, join(folder, `${basename}.xml`))
  },
}
