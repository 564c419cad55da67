/**
 * The steps of an image, as Packer calls them: `steps.ts packages|base|disks|bake REQUEST`.
 *
 * Each takes what the ones before it left in the cache, and makes it again if it is missing or damaged.
 */

import { $ } from 'zx'
import { InputError } from '../../agent/core/errors.ts'
import { Explained, run } from '../lib/main.ts'
import { follow, step } from '../lib/steps.ts'
import { bake, containersOf } from './bake.ts'
import { type Base, base, hasBase, intactBase } from './base.ts'
import { readCustomBase } from './custom-base.ts'
import { cachedDisk } from './disks/disk-cache.ts'
import { type Flavour, readFlavour } from './flavour.ts'
import { packageLayer } from './packages.ts'
import { writeFacts } from './publish.ts'
import { sourceDateEpoch } from './reproducible.ts'
import { type Request, readRequest } from './request.ts'
import { type ApplianceConfig, slotBytes } from './slot.ts'

const isRoot = process.getuid?.() === 0

await run(async () => {
  const [name = '', path = ''] = process.argv.slice(2)
  const request = readRequest(path)
  const flavour = readFlavour(request.flavour)
  switch (name) {
    case 'packages':
      // A base that is there needs none.
      if (!hasBase(flavour, request.mirror)) await packageLayer(flavour, request.mirror)
      return
    case 'base':
      await ownBase(flavour, request, path)
      return
    case 'disks': {
      const made = await ownBase(flavour, request, path)
      for (const container of containersOf(request.formats)) await cachedDisk(made, container)
      return
    }
    case 'bake':
      await bakeRequest(await ownBase(flavour, request, path), flavour, request)
      return
    default:
      throw new InputError('STEP_UNKNOWN', `there is no step "${name}"`, 'Call packages, base, disks or bake')
  }
})

/** The base to bake; an ordinary user builds it in a user namespace, where it may own files as root does. */
async function ownBase(flavour: Flavour, request: Request, path: string): Promise<Base> {
  if (request.base !== undefined) return (await readCustomBase(request.base)).base
  if (!isRoot && !(await intactBase(flavour, request.mirror))) {
    const self = [process.execPath, ...process.execArgv, import.meta.filename]
    const building = $({ quiet: true, nothrow: true })`unshare --map-root-user --map-auto ${self} base ${path}`
    follow(building.stderr, (line) => line)
    const { exitCode } = await building
    if (exitCode !== 0) throw new Explained(exitCode ?? 1)
  }
  return await base(flavour, request.mirror)
}

async function bakeRequest(made: Base, flavour: Flavour, request: Request): Promise<void> {
  const { id, name, pool, token } = request.namespace
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
