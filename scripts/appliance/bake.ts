/**
 * The bake: copies the base's disk, puts one namespace into the copies' slots, and adds the files that go with them.
 *
 * It takes seconds. Everything is written to a folder beside the final one; publishing is a rename.
 */

import { createHash } from 'node:crypto'
import { chmodSync, constants, copyFileSync, mkdirSync, rmSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Base } from './base/base.ts'
import { diskLayout } from './base/disk.ts'
import type { Flavour } from './base/flavour.ts'
import { type CachedDisk, fill } from './disks/container.ts'
import { cachedDisk } from './disks/disk-cache.ts'
import { CONTAINERS, type ContainerName } from './disks/registry.ts'
import { FORMATS, type FormatName } from './formats/registry.ts'

export interface BakeInput {
  readonly base: Base
  readonly flavour: Flavour
  readonly formats: readonly FormatName[]
  /** What goes into the slot. */
  readonly slot: Uint8Array
  /** Stem of all file names, such as `wow-lab`. */
  readonly basename: string
  /** One line that says what this is; no secret. */
  readonly title: string
  readonly folder: string
}

/** Fills `folder`. Files that contain the disk are 0600, because the disk contains the namespace's secret. */
export async function bake({ base, flavour, formats, slot, basename, title, folder }: BakeInput): Promise<void> {
  const id = createHash('sha256').update(base.id).update(slot).digest().subarray(0, 16)
  const disks = new Map<ContainerName, CachedDisk>()
  await Promise.all(containersOf(formats).map(async (name) => disks.set(name, await cachedDisk(base, name))))

  const disk = async (container: ContainerName, path: string, name: string) => {
    const source = disks.get(container)
    if (source === undefined) throw new Error(`the disk as ${container} was not asked for`)
    await copyFile(source.path, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
    chmodSync(path, 0o600)
    fill(path, CONTAINERS[container], source.at, slot, { name, id })
  }
  const { size: capacity } = diskLayout(flavour.disk)
  const scratch = join(folder, '.scratch')
  await Promise.all(
    formats.map(async (name) => {
      const own = join(scratch, name)
      mkdirSync(own, { recursive: true, mode: 0o700 })
      await FORMATS[name].bake({ flavour, basename, title, folder, scratch: own, capacity, disk })
    }),
  )
  copyFileSync(base.sbom, join(folder, `${basename}.spdx.json`))
  rmSync(scratch, { recursive: true })
}

export function containersOf(formats: readonly FormatName[]): ContainerName[] {
  return [...new Set(formats.flatMap((name) => FORMATS[name].containers))]
}
