/** For VMware Workstation and Fusion: a disk that they run in place, and the machine around it. */

import { join } from 'node:path'
import { descriptorFile } from './descriptor.ts'
import type { Format } from './format.ts'

export const vmdk: Format = {
  about: 'VMware: disk and VMX',
  containers: ['vmdk'],
  async bake({ disk, flavour, basename, folder }) {
    const name = `${basename}.vmdk`
    await disk('vmdk', join(folder, name), name)
    descriptorFile('vmx.hbs', { basename, disk: name, machine: flavour.machine }, join(folder, `${basename}.vmx`))
  },
}
