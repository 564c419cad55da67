/** The formats that consist of one disk. */

import { join } from 'node:path'
import { CONTAINERS, type ContainerName } from '../disks/registry.ts'
import type { Format } from './format.ts'

const single = (container: ContainerName, about: string): Format => ({
  about,
  containers: [container],
  async bake({ disk, basename, folder }) {
    const name = `${basename}.${CONTAINERS[container].suffix}`
    await disk(container, join(folder, name), name)
  },
})

export const vdi = single('vdi', 'VirtualBox: disk alone')
export const rawZst = single('raw.zst', 'any: the raw disk, compressed')
