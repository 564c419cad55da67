/** VMDK as VMware runs it (`monolithicSparse`): plain grains of 64 KiB, found by a directory and tables. */

import { closeSync, openSync, readSync } from 'node:fs'
import { $ } from 'zx'
import type { Container } from './container.ts'
import { GRAIN, readHeader, SECTOR, stampDescriptor, TABLE_ENTRIES } from './vmdk-extent.ts'

export const vmdk: Container = {
  suffix: 'vmdk',
  async convert({ path, slotAt }, to) {
    await $({ quiet: true })`qemu-img convert -f raw -O vmdk -o subformat=monolithicSparse ${path} ${to}`
    const file = openSync(to, 'r+')
    try {
      // qemu-img gives each file a random content id.
      stampDescriptor(file, 'monolithicSparse', { name: 'disk.vmdk', id: new Uint8Array(16) })
      return vmdkOffset(file, slotAt)
    } finally {
      closeSync(file)
    }
  },
  encode: (slot) => slot,
  stamp: (file, stamp) => stampDescriptor(file, 'monolithicSparse', stamp),
}

/** Offset in the file of byte `at` of the disk. */
export function vmdkOffset(file: number, at: number): number {
  const { directoryAt } = readHeader(file)
  const grain = Math.floor(at / GRAIN)
  const table = entry(file, Number(directoryAt), Math.floor(grain / TABLE_ENTRIES))
  const sector = table === 0 ? 0 : entry(file, table, grain % TABLE_ENTRIES)
  // 1 stands for a grain of zeros that takes no space.
  if (sector <= 1) throw new Error(`byte ${at} of the disk has no grain`)
  return sector * SECTOR + (at % GRAIN)
}

function entry(file: number, sector: number, index: number): number {
  const bytes = Buffer.alloc(4)
  readSync(file, bytes, 0, 4, sector * SECTOR + 4 * index)
  return bytes.readUInt32LE(0)
}
