/**
 * `make appliance`: bakes one namespace into one image, in dist/<namespace id>/.
 *
 * It checks everything first, has Packer run the slow stages whose results are not cached (packer/core.pkr.hcl), bakes,
 * and publishes the result by a rename.
 */

import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { CondorOptions } from '../agent/condor/settings.ts'
import { InputError } from '../agent/core/errors.ts'
import { customBaseFacts } from './appliance/base/custom-base.ts'
import { type Flavour, readFlavour } from './appliance/base/flavour.ts'
import { sourceDateEpoch } from './appliance/base/reproducible.ts'
import { type Inputs, readInputs } from './appliance/inputs.ts'
import { createNamespace, findNamespace, type Namespace } from './appliance/namespace.ts'
import { complete, freshFolder, replaceFolder } from './appliance/publish.ts'
import { fileStem, type Request } from './appliance/request.ts'
import { runStages } from './appliance/run-packer.ts'
import { checkSignKey, sign } from './appliance/signature.ts'
import { bakeOrder, missingStages } from './appliance/stages.ts'
import { PIPELINE_TOOLS } from './appliance/tools.ts'
import { ensurePackages } from './lib/apt.ts'
import { withLock } from './lib/lock.ts'
import { run } from './lib/main.ts'
import { distFolder, lockFile } from './lib/paths.ts'
import { say, sinceStart, step } from './lib/progress.ts'

await run(async () => {
  const inputs = readInputs(process.env)
  const flavour = readFlavour(inputs.base === undefined ? inputs.flavour : customBaseFacts(inputs.base).flavour)
  const condor = poolSettings(flavour, inputs)
  sourceDateEpoch()
  await ensurePackages(PIPELINE_TOOLS)
  if (inputs.signKey !== undefined) checkSignKey(inputs.signKey)
  const namespace = inputs.namespace === undefined ? await makeNamespace() : await findNamespace(inputs.namespace)

  const target = join(distFolder, namespace.id)
  await withLock(lockFile(`dist-${namespace.id}`), `the image of ${namespace.id}`, async () => {
    const folder = freshFolder(distFolder, namespace.id)
    try {
      const { id, name, pool, token } = namespace
      const request: Request = {
        namespace: { id, name, pool, token },
        flavour: flavour.name,
        base: inputs.base,
        formats: [...inputs.formats],
        bootstrap: [...inputs.bootstrap],
        sshKeys: [...inputs.sshKeys],
        condor,
        mirror: inputs.mirror,
        basename: fileStem(name, id),
        folder,
      }
      await runStages(request, missingStages(request))
      await bakeOrder(request)
      await step('sums', () => complete(folder))
      if (inputs.signKey !== undefined) sign(join(folder, 'SHA256SUMS'), inputs.signKey)
      replaceFolder(folder, target)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
  finish(namespace, flavour, target)
})

/** The flavour's pool settings, overridden by the user's. @throws InputError when the flavour has no HTCondor. */
function poolSettings(flavour: Flavour, { condor }: Inputs): CondorOptions | undefined {
  if (flavour.condor !== undefined) return { ...flavour.condor, ...condor }
  if (condor === undefined) return undefined
  throw new InputError('CONDOR_FLAVOUR', `CONDOR: the flavour ${flavour.name} has no HTCondor`, 'Give FLAVOUR=condor')
}

async function makeNamespace(): Promise<Namespace> {
  const { NAME: name, POOL: pool, LEASE: lease } = process.env
  const made = await createNamespace({ name: name || undefined, pool: pool || undefined, lease: lease || undefined })
  say(`No NS given: made the namespace ${made.name}, pool ${made.pool}, id ${made.id}`)
  return made
}

function finish(namespace: Namespace, flavour: Flavour, target: string): void {
  say('')
  say(`Done in ${sinceStart()}: ${relative(process.cwd(), target) || target}`)
  for (const name of readdirSync(target).sort()) {
    say(`  ${`${(statSync(join(target, name)).size / 1e6).toFixed(1)} MB`.padStart(9)}  ${name}`)
  }
  const stem = fileStem(namespace.name, namespace.id)
  say(`Namespace ${namespace.name}, id ${namespace.id}, pool ${namespace.pool}, flavour ${flavour.name}.`)
  say('Every copy that boots becomes one more machine of it. The image holds the secret: who has it is a member.')
  if (existsSync(join(target, `${stem}.qcow2`))) {
    const image = relative(process.cwd(), join(target, `${stem}.qcow2`))
    say(`Try it: qemu-system-x86_64 -m ${flavour.machine.memoryMiB} -enable-kvm -nographic -snapshot ${image}`)
  }
  process.stdout.write(`${namespace.id}\n`)
}
