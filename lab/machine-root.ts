/**
 * The root file system of the lab's machines: the condor flavour's own package layer, so that what is tested is what is
 * baked, less what only a machine that boots needs, and with the agent as it was built last.
 */

import { copyFileSync, mkdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { $ } from 'zx'
import { readFlavour } from '../scripts/appliance/base/flavour.ts'
import { packageLayer } from '../scripts/appliance/base/packages.ts'
import { agentFiles } from '../scripts/lib/paths.ts'

/** What the layer is made with, as Debian packages. */
export const ROOT_PACKAGES = ['debian-archive-keyring', 'mmdebstrap'] as const

const BOOT_ONLY = ['./boot/*', './usr/lib/modules/*', './usr/lib/firmware/*', './dev/*']

/** Unpacks the layer, built if it is not in the cache (minutes), into `folder`. */
export async function unpackRoot(folder: string): Promise<void> {
  const { tar } = await packageLayer(readFlavour('condor'), process.env.MIRROR || undefined)
  mkdirSync(folder, { mode: 0o755 })
  const exclude = BOOT_ONLY.map((pattern) => `--exclude=${pattern}`)
  const sh = $({ quiet: true, env: { PATH: process.env.PATH, WOW_CODE_CACHE: 'write' } })
  await sh`tar --extract --numeric-owner ${exclude} --directory ${folder} --file ${tar}`
  const wow = join(folder, 'usr/lib/wow')
  mkdirSync(wow)
  for (const file of agentFiles) copyFileSync(file, join(wow, basename(file)))
  await sh`chroot ${folder} /usr/bin/node --random-seed=1 /usr/lib/wow/wow.mjs`
}
