/** The stages of an order: packages, base, disks, bake. Each takes what the earlier ones left in the cache. */

import { $ } from 'zx'
import type { ApplianceConfig } from '../../agent/boot/config.ts'
import { Explained } from '../lib/main.ts'
import { inRoot } from '../lib/paths.ts'
import { follow, step } from '../lib/progress.ts'
import { bake, containersOf } from './bake.ts'
import { type Base, base, baseKey, hasBase, intactBase } from './base/base.ts'
import { readCustomBase } from './base/custom-base.ts'
import { readFlavour } from './base/flavour.ts'
import { packageLayer } from './base/packages.ts'
import { sourceDateEpoch } from './base/reproducible.ts'
import { cachedDisk, hasDisk } from './disks/disk-cache.ts'
import { slotBytes } from './disks/slot.ts'
import { writeFacts } from './publish.ts'
import { type Request, withOrder } from './request.ts'
import { AS_ITS_ROOT, ensureUserNamespace, isRoot } from './user-namespace.ts'

/**
 * The stages to run before the bake: all of them when the base is not in the cache, since each stage skips what it
 * finds there. The bake itself rebuilds what is damaged.
 */
export function missingStages({ flavour: name, base: custom, mirror, formats }: Request): Stage[] {
  if (custom !== undefined) return ['disks']
  const flavour = readFlavour(name)
  if (!hasBase(flavour, mirror)) return ['packages', 'base', 'disks']
  const named = { name, id: baseKey(flavour, mirror) }
  return containersOf(formats).every((container) => hasDisk(named, container)) ? [] : ['disks']
}

export const STAGES = ['packages', 'base', 'disks'] as const
export type Stage = (typeof STAGES)[number]

export async function runStage(stage: Stage, request: Request): Promise<void> {
  const flavour = readFlavour(request.flavour)
  // A base in the cache needs no packages.
  if (stage === 'packages' && !hasBase(flavour, request.mirror)) {
    await ensureUserNamespace()
    await packageLayer(flavour, request.mirror)
  }
  if (stage === 'base') await baseOf(request)
  if (stage === 'disks') {
    const made = await baseOf(request)
    for (const container of containersOf(request.formats)) await cachedDisk(made, container)
  }
}

/** The base to bake; an ordinary user builds it in a user namespace. */
async function baseOf(request: Request): Promise<Base> {
  if (request.base !== undefined) return (await readCustomBase(request.base)).base
  const flavour = readFlavour(request.flavour)
  if (!isRoot && !(await intactBase(flavour, request.mirror))) {
    await ensureUserNamespace()
    await withOrder(request, async (order) => {
      const command = [process.execPath, '--import', 'tsx', inRoot('scripts', 'appliance', 'packer-stage.ts')]
      const building = $({ quiet: true, nothrow: true })`${AS_ITS_ROOT} ${command} base ${order}`
      follow(building.stderr, (line) => line)
      const { exitCode } = await building
      if (exitCode !== 0) throw new Explained(exitCode ?? 1)
    })
  }
  return await base(flavour, request.mirror)
}

/** Fills the order's folder with its namespace's image. */
export async function bakeOrder(request: Request): Promise<void> {
  const { id, name, pool, token } = request.namespace
  const flavour = readFlavour(request.flavour)
  const config: ApplianceConfig = {
    token,
    bootstrap: request.bootstrap,
    listen: [],
    announce: [],
    tap: flavour.tap,
    state: '/var/lib/wow',
    log: 'json',
    mdns: true,
    flavour: flavour.name,
    sshKeys: request.sshKeys,
    condor: request.condor,
  }
  const title = `WOW appliance, flavour ${flavour.name}, of the namespace ${name} (${id})`
  const { formats, basename, folder } = request
  const made = await baseOf(request)
  await step(`bake namespace ${name} (${id}) as ${formats.join(', ')}`, () =>
    bake({ base: made, flavour, formats, slot: slotBytes(config), basename, title, folder }),
  )
  writeFacts(folder, {
    namespace: { id, name, pool },
    flavour: flavour.name,
    formats,
    baseId: made.id,
    packageListDigest: made.packageListDigest,
    sourceDateEpoch: sourceDateEpoch(),
  })
}
