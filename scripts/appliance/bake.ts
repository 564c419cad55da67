/**
 * The bake: a copy of the base with one namespace in its slot, and the files that go with it.
 *
 * Seconds. Everything lands in a folder beside the final one; publishing is a rename.
 */

import { chmodSync, constants, copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Base } from './base.ts'
import type { Flavour } from './flavour.ts'
import { templatesFolder } from './paths.ts'
import { writeInPlace } from './qcow2.ts'
import { render } from './render.ts'
import { type ApplianceConfig, slotBytes } from './slot.ts'

export interface BakeInput {
  readonly base: Base
  readonly flavour: Flavour
  readonly config: ApplianceConfig
  /** Stem of all file names, such as `wow-lab`. */
  readonly basename: string
  /** One line that says what this is; no secret. */
  readonly title: string
  readonly folder: string
}

/** Fills `folder` with the image, mode 0600 because it holds the namespace's secret, and its libvirt description. */
export function bake({ base, flavour, config, basename, title, folder }: BakeInput): void {
  const slot = slotBytes(config)
  const disk = `${basename}.qcow2`
  const image = join(folder, disk)
  copyFileSync(base.disk, image, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
  chmodSync(image, 0o600)
  writeInPlace(image, base.slotAt, slot)
  const xml = render(join(templatesFolder, 'libvirt.xml.hbs'), { basename, disk, title, machine: flavour.machine })
  writeFileSync(join(folder, `${basename}.xml`), xml, { mode: 0o644 })
}
