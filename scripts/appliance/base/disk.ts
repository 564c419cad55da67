/**
 * A bootable disk from a folder, without mounts, loop devices or a hypervisor.
 *
 *     1 MiB   BIOS boot partition: GRUB's core, 1 MiB
 *     2 MiB   ESP (FAT32): EFI/BOOT/BOOTX64.EFI, wow/appliance.json (the slot)
 *     …       root (ext4); the last mebibyte is the second partition table
 *
 * The same disk boots under BIOS and UEFI.
 */

import { mkdirSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { $, type Shell } from 'zx'
import { templatesFolder } from '../../lib/paths.ts'
import { render } from '../../lib/render.ts'
import { emptySlot, findOnDisk, SLOT_SIZE } from '../disks/slot.ts'
import { installBiosBoot } from './bios-boot.ts'
import type { Flavour } from './flavour.ts'
import { sourceDateEpoch } from './reproducible.ts'

export const ROOT_LABEL = 'wowroot'
export const ESP_LABEL = 'WOWESP'

const SECTOR = 512
const MIB = 1 << 20
const SECTORS_PER_MIB = MIB / SECTOR
const BIOS_BOOT_AT = 1 * SECTORS_PER_MIB
const ESP_AT = 2 * SECTORS_PER_MIB

/** Fixed, so that the same inputs give the same disk; nothing looks a disk up by them. */
const DISK_ID = '6f776f77-0000-4000-8000-000000000001'
const ROOT_ID = '6f776f77-0000-4000-8000-000000000003'
const HASH_SEED = '6f776f77-0000-4000-8000-000000000004'
const partitionId = (n: number) => `6f776f77-0000-4000-8000-0000000000${10 + n}`

/** Partition types of the GPT. */
const TYPE_BIOS_BOOT = '21686148-6449-6E6F-744E-656564454649'
const TYPE_ESP = 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B'
const TYPE_ROOT_X86_64 = '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709'

const GRUB_MODULES =
  'part_gpt fat ext2 search search_label normal configfile linux echo test ls cat serial terminal minicmd'
const GRUB_PREFIX = '(hd0,gpt3)/boot/grub'

export interface DiskLayout {
  /** Bytes. */
  readonly size: number
  /** Sectors. */
  readonly espSectors: number
  readonly rootAt: number
  readonly rootSectors: number
}

export function diskLayout({ espMiB, rootMiB }: Flavour['disk']): DiskLayout {
  const espSectors = espMiB * SECTORS_PER_MIB
  const rootSectors = rootMiB * SECTORS_PER_MIB
  return { size: (2 + espMiB + rootMiB + 1) * MIB, espSectors, rootAt: ESP_AT + espSectors, rootSectors }
}

/** Where the root file system begins on the disk, bytes. */
export const rootOffset = (flavour: Flavour): number => diskLayout(flavour.disk).rootAt * SECTOR

/** Where the root file system comes from, where the disk goes, and a folder for intermediate files. */
export interface DiskParts {
  readonly tree: string
  /** Folder with the mke2fs to use (packages.ts). */
  readonly tools: string
  readonly disk: string
  readonly scratch: string
}

/** Writes the raw disk and returns the offset of its slot in bytes, a multiple of 64 KiB. */
export async function makeDisk(flavour: Flavour, { tree, tools, disk, scratch }: DiskParts): Promise<number> {
  const epoch = String(sourceDateEpoch())
  const dates = { SOURCE_DATE_EPOCH: epoch, E2FSPROGS_FAKE_TIME: epoch, TZ: 'UTC' }
  // In the C locale, which a user without LANG has, mke2fs reads only ASCII file names.
  const sh = $({ quiet: true, env: { ...process.env, ...dates, LC_ALL: 'C.UTF-8', MTOOLS_SKIP_CHECK: '1' } })
  const layout = diskLayout(flavour.disk)
  writeFileSync(disk, '', { mode: 0o600 })
  truncateSync(disk, layout.size)

  const partition = (at: number, sectors: number, type: string, name: string, n: number) =>
    `start=${at}, size=${sectors}, type=${type}, name=${name}, uuid=${partitionId(n)}`
  await sh({
    input: [
      'label: gpt',
      `label-id: ${DISK_ID}`,
      `first-lba: ${BIOS_BOOT_AT}`,
      partition(BIOS_BOOT_AT, SECTORS_PER_MIB, TYPE_BIOS_BOOT, 'bios', 1),
      partition(ESP_AT, layout.espSectors, TYPE_ESP, 'esp', 2),
      partition(layout.rootAt, layout.rootSectors, TYPE_ROOT_X86_64, 'root', 3),
      '',
    ].join('\n'),
  })`sfdisk --quiet ${disk}`

  const embedded = join(scratch, 'grub-embed.cfg')
  writeFileSync(embedded, render(join(templatesFolder, 'disk', 'grub-embed.cfg.hbs'), { rootLabel: ROOT_LABEL }))
  const core = join(scratch, 'core.img')
  const efi = join(scratch, 'BOOTX64.EFI')
  const modules = GRUB_MODULES.split(' ')
  await sh`grub-mkimage -O i386-pc -o ${core} -p ${GRUB_PREFIX} -c ${embedded} biosdisk ${modules}`
  await sh`grub-mkimage -O x86_64-efi -o ${efi} -p ${GRUB_PREFIX} -c ${embedded} all_video gfxterm ${modules}`
  installBiosBoot(disk, {
    boot: '/usr/lib/grub/i386-pc/boot.img',
    core,
    firstSector: BIOS_BOOT_AT,
    sectors: SECTORS_PER_MIB,
  })

  await sh`mkfs.vfat -F 32 -s 1 -n ${ESP_LABEL} --invariant --offset=${ESP_AT} ${disk} ${layout.espSectors / 2}`
  const slotAt = await fillEsp(sh, { disk, scratch, efi, end: layout.rootAt * SECTOR })

  await fillRoot(sh, { tree, disk, scratch, tools, layout })
  return slotAt
}

interface RootParts extends DiskParts {
  readonly layout: DiskLayout
}

/**
 * Writes the root file system, the same bytes for the same tree. It uses the image's own mke2fs, because older ones
 * copy the build's inode times and the order of its folders.
 */
async function fillRoot(sh: Shell, { tree, disk, scratch, tools, layout }: RootParts): Promise<void> {
  const tar = join(scratch, 'root.tar')
  const form = ['--sort=name', '--format=posix', '--pax-option=delete=atime,delete=ctime', '--numeric-owner']
  form.push(`--mtime=@${sourceDateEpoch()}`, '--clamp-mtime', '--xattrs', '--xattrs-include=*')
  await sh`tar --create ${form} --directory ${tree} --file ${tar} .`
  // GRUB 2.06 cannot read metadata_csum_seed and orphan_file. Inode tables are zero in a fresh file already.
  const features = '^metadata_csum_seed,^orphan_file'
  const extended = `offset=${layout.rootAt * SECTOR},hash_seed=${HASH_SEED},lazy_itable_init=0,root_owner=0:0`
  const own = [join(tools, 'ld-linux-x86-64.so.2'), '--library-path', tools, join(tools, 'mke2fs')]
  const options = ['-q', '-F', '-t', 'ext4', '-L', ROOT_LABEL, '-U', ROOT_ID, '-O', features, '-m', '0']
  await sh`${own} ${options} -i 16384 -J size=16 -E ${extended} -d ${tar} ${disk} ${layout.rootSectors / 2}k`
  rmSync(tar)
}

interface EspParts {
  readonly disk: string
  readonly scratch: string
  readonly efi: string
  /** First byte after the ESP. */
  readonly end: number
}

/** Puts the loader and the slot on the ESP; the slot's data begin at a multiple of 64 KiB of the disk. */
async function fillEsp(sh: Shell, { disk, scratch, efi, end }: EspParts): Promise<number> {
  const start = ESP_AT * SECTOR
  const esp = `${disk}@@${start}`
  const put = async (name: string, content: Uint8Array, at: string) => {
    const file = join(scratch, name)
    writeFileSync(file, content)
    utimesSync(file, sourceDateEpoch(), sourceDateEpoch())
    await sh`mcopy -m -i ${esp} ${file} ${at}`
  }
  mkdirSync(scratch, { recursive: true })
  utimesSync(efi, sourceDateEpoch(), sourceDateEpoch())
  await sh`mmd -i ${esp} ::/EFI ::/EFI/BOOT ::/wow`
  await sh`mcopy -m -i ${esp} ${efi} ::/EFI/BOOT/BOOTX64.EFI`

  // A probe shows the next free cluster; a file of the right length then pushes the slot to its boundary.
  const probe = emptySlot().slice(1024, 1024 + SECTOR)
  await put('probe', probe, '::/wow/probe')
  const next = findOnDisk(disk, probe, start, end)
  if (next === undefined) throw new Error('the ESP does not show where its files go')
  const gap = SLOT_SIZE - ((next + SECTOR) % SLOT_SIZE)
  await put('pad', new Uint8Array(gap), '::/wow/pad')
  await put('appliance.json', emptySlot(), '::/wow/appliance.json')
  await sh`mdel -i ${esp} ::/wow/probe ::/wow/pad`

  const slotAt = findOnDisk(disk, emptySlot(), start, end)
  if (slotAt === undefined || slotAt % SLOT_SIZE !== 0) throw new Error('the slot is not in one aligned piece')
  return slotAt
}
