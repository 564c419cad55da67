/**
 * `make appliance`: one namespace baked into one image, in dist/<namespace id>/.
 *
 * Checks everything first, has Packer run the steps (packer/core.pkr.hcl), and publishes the result by a rename.
 */

import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { $ } from 'zx'
import { writeWhole } from '../agent/core/files.ts'
import { containersOf } from './appliance/bake.ts'
import { baseKey, hasBase } from './appliance/base.ts'
import { hasDisk } from './appliance/disks/disk-cache.ts'
import { type Flavour, readFlavour } from './appliance/flavour.ts'
import { type Inputs, readInputs } from './appliance/inputs.ts'
import { createNamespace, findNamespace, type Namespace } from './appliance/namespace.ts'
import { cacheFolder, distFolder, inRoot, lockFile } from './appliance/paths.ts'
import { complete, freshFolder, replaceFolder } from './appliance/publish.ts'
import { sourceDateEpoch } from './appliance/reproducible.ts'
import { fileStem, type Request } from './appliance/request.ts'
import { ensurePackages } from './lib/apt.ts'
import { withLock } from './lib/lock.ts'
import { Explained, run } from './lib/main.ts'
import { follow, say, sinceStart, step } from './lib/steps.ts'

/** Debian 12 packages that the pipeline calls. */
const TOOLS = [
  'debian-archive-keyring',
  'dosfstools',
  'e2fsprogs',
  'fdisk',
  'grub-common',
  'grub-efi-amd64-bin',
  'grub-pc-bin',
  'mmdebstrap',
  'mtools',
  'packer',
  'procps',
  'qemu-utils',
  'zstd',
]
/** What an ordinary user needs besides, to own files as root does. */
const ROOTLESS_TOOLS = ['uidmap']

const isRoot = process.getuid?.() === 0

await run(async () => {
  const inputs = readInputs(process.env)
  const flavour = readFlavour(inputs.flavour)
  sourceDateEpoch()
  await ensurePackages(isRoot ? TOOLS : [...TOOLS, ...ROOTLESS_TOOLS])
  const namespace = inputs.namespace === undefined ? await makeNamespace() : await findNamespace(inputs.namespace)

  const target = join(distFolder, namespace.id)
  await withLock(lockFile(`dist-${namespace.id}`), `the image of ${namespace.id}`, async () => {
    const folder = freshFolder(distFolder, namespace.id)
    try {
      const { id, name, pool, token } = namespace
      const request: Request = {
        namespace: { id, name, pool, token },
        flavour: flavour.name,
        formats: [...inputs.formats],
        bootstrap: [...inputs.bootstrap],
        sshKeys: [...inputs.sshKeys],
        mirror: inputs.mirror,
        basename: fileStem(name, id),
        folder,
      }
      await build(request, stagesOf(flavour, inputs))
      await step('sums', () => complete(folder))
      replaceFolder(folder, target)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
  finish(namespace, flavour, target)
})

async function makeNamespace(): Promise<Namespace> {
  const { NAME: name, POOL: pool, LEASE: lease } = process.env
  const made = await createNamespace({ name: name || undefined, pool: pool || undefined, lease: lease || undefined })
  say(`No NS given: made the namespace ${made.name}, pool ${made.pool}, id ${made.id}`)
  return made
}

/** The steps whose result is not in the cache, and the bake, which makes good what is damaged. */
function stagesOf(flavour: Flavour, { mirror, formats }: Inputs): string[] {
  const id = baseKey(flavour, mirror)
  if (!hasBase(flavour, mirror)) return ['packages', 'base', 'disks', 'bake']
  if (!containersOf(formats).every((name) => hasDisk(flavour.name, id, name))) return ['disks', 'bake']
  return ['bake']
}

/** Hands the order to Packer and shows what its steps say. */
async function build(request: Request, stages: readonly string[]): Promise<void> {
  const orders = join(cacheFolder, 'requests')
  mkdirSync(orders, { recursive: true, mode: 0o700 })
  const order = join(orders, `${process.pid}.json`)
  writeWhole(order, JSON.stringify(request), 0o600)
  const vars = {
    request: order,
    stages: JSON.stringify(stages),
    steps: `'${process.execPath}' --import tsx '${inRoot('scripts', 'appliance', 'steps.ts')}'`,
  }
  const args = Object.entries(vars).flatMap(([name, value]) => ['-var', `${name}=${value}`])
  try {
    const env = { ...process.env, CHECKPOINT_DISABLE: '1', PACKER_CACHE_DIR: join(cacheFolder, 'packer') }
    const shell = $({ quiet: true, nothrow: true, cwd: inRoot(), env })
    const packer = shell`packer build -color=false ${args} ${inRoot('packer', 'core.pkr.hcl')}`
    let failure: string | undefined
    follow(packer.stdout, (line) => {
      // What a step printed comes indented under the builder's name; Packer's own chatter is left out.
      const spoken = /^\s*null\.appliance: (.*)$/.exec(line)?.[1]
      if (spoken !== undefined) return spoken.startsWith('==>') ? spoken : `    ${spoken.trim()}`
      if (/rror/.test(line)) failure ??= line
      return undefined
    })
    const { exitCode, stderr } = await packer
    if (exitCode === 0) return
    const why = `${failure ?? ''}\n${stderr}`.trim()
    if (why !== '') say(why)
    throw new Explained(1)
  } finally {
    rmSync(order, { force: true })
  }
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
