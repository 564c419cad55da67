/** Every format there is, by the name that `FORMATS=` takes. */

import { ova } from './ova.ts'
import { qcow2 } from './qcow2.ts'
import { rawZst, vdi } from './single-file.ts'
import { vagrant } from './vagrant.ts'
import { vmdk } from './vmdk.ts'

export const FORMATS = { qcow2, ova, vmdk, vdi, 'raw.zst': rawZst, vagrant } as const
export type FormatName = keyof typeof FORMATS
export const FORMAT_NAMES = Object.keys(FORMATS) as FormatName[]
/** The formats when the user chooses none. */
export const DEFAULT_FORMATS: readonly FormatName[] = ['qcow2', 'ova']
