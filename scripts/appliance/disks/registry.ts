/** Every container there is, by its name. */

import { qcow2 } from './qcow2.ts'
import { rawZst } from './raw-zst.ts'
import { streamVmdk } from './stream-vmdk.ts'
import { vdi } from './vdi.ts'
import { vmdk } from './vmdk.ts'

export const CONTAINERS = { qcow2, 'stream.vmdk': streamVmdk, vmdk, vdi, 'raw.zst': rawZst } as const
export type ContainerName = keyof typeof CONTAINERS
