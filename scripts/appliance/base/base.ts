/**
 * A flavour's base: a bootable qcow2 with everything in it but a namespace.
 *
 * It is the unpacked package layer with the templates and the agent laid over it, made into a disk. This takes seconds
 * once the packages are there.
 */

import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import * as v from 'valibot'
import { $ } from 'zx'
import { WowError } from '../../../agent/core/errors.ts'
import { agentBundle, agentFiles, inRoot, templatesFolder } from '../../lib/paths.ts'
import { say, step, tail } from '../../lib/progress.ts'
import { renderTree } from '../../lib/render.ts'
import { cached, has, isIntact, KeyBuilder } from '../cache.ts'
import type { CachedDisk } from '../disks/container.ts'
import { qcow2 } from '../disks/qcow2.ts'
import { readExt4 } from '../hygiene/ext4.ts'
import { breaches } from '../hygiene/hygiene.ts'
import { ESP_LABEL, makeDisk, ROOT_LABEL, rootOffset } from './disk.ts'
import { type Flavour, permittedBy } from './flavour.ts'
import { packageLayer, packageListDigest, packagesKey } from './packages.ts'
import { sourceDateEpoch } from './reproducible.ts'
import { parsePackageList, sbom } from './sbom.ts'

export interface Base {
  /** The flavour's, or `custom`. */
  readonly name: string
  /** Identifies everything that went into it. */
  readonly id: string
  /** As qcow2. */
  readonly disk: CachedDisk
  /** Where the slot is on the disk, bytes. */
  readonly slotAt: number
  readonly packageListDigest: string
  /** SPDX document. */
  readonly sbom: string
}

const factsSchema = v.object({ slotAt: v.number(), at: v.number(), packageListDigest: v.string() })

/** The code that shapes the disk, as whole folders, so that a new module counts by itself. */
export const SHAPING = ['appliance/base', 'appliance/disks', 'appliance/hygiene', 'lib']
/** Other files that this code reads: the list of contents names the packages in the lock. */
export const SHAPING_FILES = ['package-lock.json']

/** @throws WowError when the agent has not been built. */
export function baseKey(flavour: Flavour, mirror: string | undefined): string {
  for (const file of agentFiles) {
    if (existsSync(file)) continue
    throw new WowError('AGENT_NOT_BUILT', `${file} is not there`, 'Build the agent first: node scripts/build.mjs')
  }
  const key = new KeyBuilder()
    .value('packages', packagesKey(flavour, mirror))
    .value('epoch', sourceDateEpoch())
    .folder('templates', join(templatesFolder, 'root'))
    .folder('disk templates', join(templatesFolder, 'disk'))
  for (const folder of flavour.folders) key.folder(`flavour ${basename(folder)}`, folder)
  for (const file of agentFiles) key.file(basename(file), file)
  for (const folder of SHAPING) key.folder(folder, inRoot('scripts', folder))
  for (const file of SHAPING_FILES) key.file(file, inRoot(file))
  return key.finish()
}

const kind = (flavour: Flavour) => `base-${flavour.name}`

/** Whether the base is in the cache, so that no earlier stage is needed. */
export function hasBase(flavour: Flavour, mirror: string | undefined): boolean {
  return has(kind(flavour), baseKey(flavour, mirror))
}

/** Whether the base is in the cache and undamaged. */
export async function intactBase(flavour: Flavour, mirror: string | undefined): Promise<boolean> {
  return await isIntact(kind(flavour), baseKey(flavour, mirror))
}

/** The base from the cache, or built; @throws WowError when the agent has not been built. */
export async function base(flavour: Flavour, mirror: string | undefined): Promise<Base> {
  const id = baseKey(flavour, mirror)
  const folder = await cached({ kind: kind(flavour), key: id, build: (to) => build({ flavour, mirror, id, to }) })
  const { at, ...facts } = v.parse(factsSchema, JSON.parse(readFileSync(join(folder, 'base.json'), 'utf8')))
  return {
    name: flavour.name,
    id,
    disk: { path: join(folder, 'disk.qcow2'), at },
    sbom: join(folder, 'sbom.spdx.json'),
    ...facts,
  }
}

interface Build {
  readonly flavour: Flavour
  readonly mirror: string | undefined
  readonly id: string
  readonly to: string
}

async function build({ flavour, mirror, id, to }: Build): Promise<void> {
  const packages = await packageLayer(flavour, mirror)
  const scratch = join(to, 'scratch')
  const tree = join(scratch, 'tree')
  const raw = join(scratch, 'disk.raw')
  mkdirSync(tree, { recursive: true })

  await step('root file system: packages, templates, agent', async () => {
    // The kernel makes the device nodes; an ordinary user cannot.
    await $({
      quiet: true,
    })`tar --extract --numeric-owner --xattrs --xattrs-include=* --exclude=./dev/* --directory ${tree} --file ${packages.tar}`
    await furnish(flavour, tree)
  })
  const slotAt = await step('disk: partitions, GRUB for BIOS and UEFI, file systems', () =>
    makeDisk(flavour, { tree, tools: packages.tools, disk: raw, scratch }),
  )
  await step('hygiene: nothing in it that should not be', () => checkHygiene(flavour, raw))
  const disk = join(to, 'disk.qcow2')
  const at = await step('qcow2', () => qcow2.convert({ path: raw, slotAt }, disk))
  const facts = { slotAt, at, packageListDigest: packageListDigest(packages) }
  const contents = parsePackageList(readFileSync(packages.list, 'utf8'))
  const document = sbom({ flavour: flavour.name, suite: flavour.suite, baseId: id, packages: contents })
  writeFileSync(join(to, 'sbom.spdx.json'), document)
  writeFileSync(join(to, 'base.json'), `${JSON.stringify(facts, null, 2)}\n`)
  rmSync(scratch, { recursive: true })
}

/** @throws WowError that says what the first broken rule found. */
export async function checkHygiene(flavour: Flavour, raw: string): Promise<void> {
  const tree = await readExt4(raw, rootOffset(flavour))
  const broken = await breaches(tree, permittedBy(flavour))
  for (const { code, promise, found } of broken) {
    say(`    ${code}: ${promise}; found:`)
    for (const line of found) say(`      ${line}`)
  }
  if (broken.length === 0) return
  const codes = broken.map(({ code }) => code).join(', ')
  throw new WowError(
    'IMAGE_UNCLEAN',
    `The flavour ${flavour.name} leaves things in the image that must not be in it: ${codes}`,
    'Remove them in a hook of the flavour, or name them in its flavour.json where that is meant',
  )
}

/** Turns a bare Debian tree into the flavour's. */
async function furnish(flavour: Flavour, tree: string): Promise<void> {
  const sh = $({ quiet: true, env: { ...process.env, SYSTEMD_OFFLINE: '1' } })
  const inTree = (path: string) => join(tree, path)
  chmodSync(tree, 0o755)
  const values = { ...flavour, rootLabel: ROOT_LABEL, espLabel: ESP_LABEL }
  renderTree(join(templatesFolder, 'root'), tree, values)
  for (const folder of flavour.folders) renderTree(join(folder, 'root'), tree, values)

  for (const file of agentFiles) {
    const target = inTree(`usr/lib/wow/${basename(file)}`)
    copyFileSync(file, target)
    chmodSync(target, file === agentBundle ? 0o755 : 0o644)
  }
  mkdirSync(inTree('efi'), { recursive: true })
  symlinkSync('/efi/wow/appliance.json', inTree('etc/wow/appliance.json'))
  // The agent's state may contain keys: the folder exists already, so that nobody creates it with other rights.
  mkdirSync(inTree('var/lib/wow'), { recursive: true, mode: 0o700 })
  mkdirSync(inTree('var/log/journal'), { recursive: true, mode: 0o755 })
  // Empty, not absent: each copy makes its own at boot, and no boot counts as a "first boot" that resets the units.
  writeFileSync(inTree('etc/machine-id'), '')
  rmSync(inTree('var/lib/dbus/machine-id'), { force: true })

  await sh`chroot ${tree} systemctl --quiet disable ${flavour.units.disable}`
  await sh`chroot ${tree} systemctl --quiet enable ${flavour.units.enable}`
  await sh`chroot ${tree} systemctl --quiet mask ${flavour.units.mask}`
  for (const folder of flavour.folders) await runHook(join(folder, 'hook'), tree)
  await writeCodeCache(tree)
}

/** Runs a flavour's hook, if it has one: an executable that changes the tree last, from inside. */
async function runHook(hook: string, tree: string): Promise<void> {
  if (!existsSync(hook)) return
  const inside = join(tree, 'hook')
  copyFileSync(hook, inside)
  chmodSync(inside, 0o700)
  const env = { PATH: '/usr/sbin:/usr/bin', SYSTEMD_OFFLINE: '1', SOURCE_DATE_EPOCH: String(sourceDateEpoch()) }
  const { exitCode, stdout, stderr } = await $({ quiet: true, nothrow: true, env })`/usr/sbin/chroot ${tree} /hook`
  rmSync(inside)
  if (exitCode === 0) return
  say(tail(stderr || stdout))
  throw new WowError(
    'HOOK_FAILED',
    `${hook} ended with exit code ${exitCode}`,
    'See what it said above, and correct it',
  )
}

/**
 * Compiles the agent with the tree's own Node, which will run it (agent/cli/start.ts): an emulated machine would take
 * ten seconds or more for that at every start. With a fixed seed, V8 writes the same bytes each time.
 */
async function writeCodeCache(tree: string): Promise<void> {
  const sh = $({ quiet: true, env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', WOW_CODE_CACHE: 'write' } })
  await sh`chroot ${tree} /usr/bin/node --random-seed=1 /usr/lib/wow/wow.mjs`
  chmodSync(join(tree, 'usr/lib/wow/wow.cache'), 0o644)
}
