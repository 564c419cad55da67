/**
 * Writes GRUB for BIOS into a disk image without mounts, loop devices or root, as grub-bios-setup does for a GPT disk
 * with a BIOS boot partition.
 *
 * The code in the first sector of `boot.img` goes to the disk's first sector (the partition table stays) and names the
 * core's first sector; that sector names the rest of the core.
 */

import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'

const SECTOR = 512
/** Boot code ends where the disk's signature and partition table begin. */
const BOOT_CODE = 0x1b8
/** Fields of GRUB's boot.S: where the core is, which drive to read it from, a check that some BIOSes need removed. */
const KERNEL_SECTOR = 0x5c
const BOOT_DRIVE = 0x64
const DRIVE_CHECK = 0x66
const NOP = 0x90
/** Whatever drive the firmware booted from. */
const ANY_DRIVE = 0xff
/** The block list at the end of the core's first sector: start, and number of sectors. */
const CORE_START = 0x1f4
const CORE_LENGTH = 0x1fc

export interface BiosBoot {
  readonly boot: Uint8Array
  readonly core: Uint8Array
  /** First sector of the BIOS boot partition, and its number of sectors. */
  readonly firstSector: number
  readonly sectors: number
}

/** The disk's first sector with GRUB's code in it, and the core as it belongs on the disk. */
export function biosBootSectors(
  mbr: Uint8Array,
  { boot, core, firstSector, sectors }: BiosBoot,
): {
  mbr: Uint8Array
  core: Uint8Array
} {
  const needed = Math.ceil(core.length / SECTOR)
  if (needed > sectors) throw new RangeError(`GRUB's core needs ${needed} sectors, the partition has ${sectors}`)
  const first = Buffer.from(mbr)
  Buffer.from(boot).copy(first, 0, 0, BOOT_CODE)
  first.writeBigUInt64LE(BigInt(firstSector), KERNEL_SECTOR)
  first[BOOT_DRIVE] = ANY_DRIVE
  first[DRIVE_CHECK] = NOP
  first[DRIVE_CHECK + 1] = NOP

  const placed = Buffer.alloc(needed * SECTOR)
  placed.set(core)
  placed.writeBigUInt64LE(BigInt(firstSector + 1), CORE_START)
  placed.writeUInt16LE(needed - 1, CORE_LENGTH)
  return { mbr: first, core: placed }
}

/** Makes the raw image at `disk` boot under BIOS. */
export function installBiosBoot(
  disk: string,
  parts: Omit<BiosBoot, 'boot' | 'core'> & { boot: string; core: string },
): void {
  const file = openSync(disk, 'r+')
  try {
    const mbr = Buffer.alloc(SECTOR)
    readSync(file, mbr, 0, SECTOR, 0)
    const sectors = biosBootSectors(mbr, { ...parts, boot: readFileSync(parts.boot), core: readFileSync(parts.core) })
    writeSync(file, sectors.mbr, 0, SECTOR, 0)
    writeSync(file, sectors.core, 0, sectors.core.length, parts.firstSector * SECTOR)
  } finally {
    closeSync(file)
  }
}
