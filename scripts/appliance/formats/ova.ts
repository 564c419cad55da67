/** For VMware and VirtualBox: an OVF package in one file, with a manifest that importers check. */

import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sha256File } from '../sha256.ts'
import { pack } from './archive.ts'
import type { Format } from './format.ts'
import { ovfPackage } from './ovf.ts'

export const ova: Format = {
  about: 'VMware and VirtualBox: one file to import',
  containers: ['stream.vmdk'],
  async bake(context) {
    const { basename, folder, scratch } = context
    const names = { ovf: `${basename}.ovf`, mf: `${basename}.mf`, disk: `${basename}-disk1.vmdk` }
    const ovf = await ovfPackage(context, names)
    const sums = [
      `SHA256(${names.ovf})= ${createHash('sha256').update(ovf).digest('hex')}`,
      `SHA256(${names.disk})= ${await sha256File(join(scratch, names.disk))}`,
    ]
    writeFileSync(join(scratch, names.mf), `${sums.join('\n')}\n`)
    // The descriptor comes first and the disk last, so that an importer that streams the file knows what follows.
    await pack(scratch, [names.ovf, names.mf, names.disk], join(folder, `${basename}.ova`))
  },
}
