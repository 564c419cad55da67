/** An OVF package (DMTF DSP0243): a disk as streamOptimized VMDK, and the descriptor of a machine that has it. */

import { statSync } from 'node:fs'
import { join } from 'node:path'
import { descriptorFile } from './descriptor.ts'
import type { BakeContext } from './format.ts'

/** Writes disk and descriptor under the given names to the scratch folder; returns the descriptor's text. */
export async function ovfPackage(context: BakeContext, names: { disk: string; ovf: string }): Promise<string> {
  const { disk, flavour, basename, title, capacity, scratch } = context
  const path = join(scratch, names.disk)
  await disk('stream.vmdk', path, names.disk)
  const values = { basename, title, capacity, disk: names.disk, diskBytes: statSync(path).size }
  return descriptorFile('ovf.xml.hbs', { ...values, machine: flavour.machine }, join(scratch, names.ovf))
}
