/**
 * The root file system of the lab's machines: the condor flavour's own package layer, so tests run what is baked. It
 * lacks what only a booting machine needs, and has the agent as last built.
 */

import { copyFileSync, mkdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { $ } from 'zx'
import { readFlavour } from '../scripts/appliance/base/flavour.ts'
import { packageLayer } from '../scripts/appliance/base/packages.ts'
import { agentFiles } from '../scripts/lib/paths.ts'

/** Debian packages that build the layer. */
export const ROOT_PACKAGES = ['debian-archive-keyring', 'mmdebstrap'] as const

const BOOT_ONLY = ['./boot/*', './usr/lib/modules/*', './usr/lib/firmware/*', './dev/*']

/** Unpacks the layer into `folder`; builds it first if it is not cached (minutes). */
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
