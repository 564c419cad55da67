/**
 * The root file system of the lab's machines: the condor flavour's own package layer, so that what is tested is what is
 * baked, less what only a machine that boots needs.
 */

import { mkdirSync } from 'node:fs'
import { $ } from 'zx'
import { readFlavour } from '../appliance/flavour.ts'
import { packageLayer } from '../appliance/packages.ts'

/** What the layer is made with, as Debian packages. */
export const ROOT_PACKAGES = ['debian-archive-keyring', 'mmdebstrap'] as const

const BOOT_ONLY = ['./boot/*', './usr/lib/modules/*', './usr/lib/firmware/*', './dev/*']

/** Unpacks the layer, built if it is not in the cache (two minutes), into `folder`. */
export async function unpackRoot(folder: string): Promise<void> {
  const { tar } = await packageLayer(readFlavour('condor'), process.env.MIRROR || undefined)
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  const exclude = BOOT_ONLY.map((pattern) => `--exclude=${pattern}`)
  await $({ quiet: true })`tar --extract --numeric-owner ${exclude} --directory ${folder} --file ${tar}`
}
