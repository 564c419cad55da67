/**
 * The steps of an image, as Packer calls them: `steps.ts packages|base|bake REQUEST`.
 */

import { InputError } from '../../agent/core/errors.ts'
import { run } from '../lib/main.ts'
import { step } from '../lib/steps.ts'
import { bake } from './bake.ts'
import { base, hasBase } from './base.ts'
import { readFlavour } from './flavour.ts'
import { packageLayer } from './packages.ts'
import { writeFacts } from './publish.ts'
import { sourceDateEpoch } from './reproducible.ts'
import { readRequest } from './request.ts'
import type { ApplianceConfig } from './slot.ts'

await run(async () => {
  const [name, path = ''] = process.argv.slice(2)
  const request = readRequest(path)
  const flavour = readFlavour(request.flavour)
  if (name === 'packages') {
    // A base that is there needs none.
    if (!hasBase(flavour, request.mirror)) await packageLayer(flavour, request.mirror)
    return
  }
  const made = await base(flavour, request.mirror)
  if (name === 'base') return
  if (name !== 'bake') throw new InputError('STEP_UNKNOWN', `there is no step "${name}"`, 'Call packages, base or bake')

  const { id, name: called, token } = request.namespace
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
  }
  const title = `WOW appliance, flavour ${flavour.name}, of the namespace ${called} (${id})`
  await step(`bake namespace ${called} (${id})`, async () =>
    bake({ base: made, flavour, config, basename: request.basename, title, folder: request.folder }),
  )
  writeFacts(request.folder, {
    namespace: { id, name: called, pool: request.namespace.pool },
    flavour: flavour.name,
    formats: request.formats,
    baseId: made.id,
    packageListDigest: made.packageListDigest,
    sourceDateEpoch: sourceDateEpoch(),
  })
})
