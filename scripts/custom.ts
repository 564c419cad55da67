/**
 * `make custom BASE=<flavour> SCRIPT=<file>`: makes your own base by booting ours and running a script in it.
 *
 * It needs a hypervisor (BUILDER=qemu, virtualbox or vmware). The result is a folder in dist/bases, from which
 * `make appliance BASE=…` bakes any namespace as fast as from our own bases.
 */

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, join, relative, resolve } from 'node:path'
import { $ } from 'zx'
import { InputError } from '../agent/core/errors.ts'
import { bake } from './appliance/bake.ts'
import { base as cachedBase, hasBase } from './appliance/base/base.ts'
import { writeCustomBase } from './appliance/base/custom-base.ts'
import { readFlavour } from './appliance/base/flavour.ts'
import { packageLayer } from './appliance/base/packages.ts'
import { emptySlot } from './appliance/disks/slot.ts'
import type { FormatName } from './appliance/formats/registry.ts'
import { parseMirror } from './appliance/inputs.ts'
import { freshFolder, replaceFolder } from './appliance/publish.ts'
import type { Request } from './appliance/request.ts'
import { packer, runStages } from './appliance/run-packer.ts'
import { PIPELINE_TOOLS } from './appliance/tools.ts'
import { chooseAccelerator, extractKernel, PROCESSORS } from './lib/accelerator.ts'
import { ensurePackages } from './lib/apt.ts'
import { run } from './lib/main.ts'
import { cacheFolder, distFolder } from './lib/paths.ts'
import { say, sinceStart, step } from './lib/progress.ts'

/** What each builder of packer/custom.pkr.hcl boots, and what must be installed for it. */
const BUILDERS = {
  qemu: { source: 'qemu.wow', format: 'qcow2', packages: ['qemu-system-x86'] },
  virtualbox: { source: 'virtualbox-ovf.wow', format: 'ova', packages: [] },
  vmware: { source: 'vmware-vmx.wow', format: 'vmdk', packages: [] },
} as const satisfies Record<string, { source: string; format: FormatName; packages: readonly string[] }>

await run(async () => {
  const text = (name: string) => (process.env[name] ?? '').trim()
  const flavour = readFlavour(text('BASE') || 'minimal')
  const script = readScript(text('SCRIPT'))
  const builder = BUILDERS[readBuilder(text('BUILDER') || 'qemu')]
  const mirror = parseMirror(text('MIRROR'))
  const name = text('NAME') || basename(script).replace(/\..*$/, '')
  if (!/^[\w-]+$/.test(name))
    throw new InputError('NAME_INVALID', `NAME: "${name}" is no name of a folder`, 'Use letters')
  await ensurePackages([...PIPELINE_TOOLS, ...builder.packages])

  if (!hasBase(flavour, mirror)) await runStages(orderOf(flavour.name, mirror), ['packages', 'base'])
  const base = await cachedBase(flavour, mirror)
  mkdirSync(cacheFolder, { recursive: true })
  const scratch = mkdtempSync(join(cacheFolder, 'custom-'))
  const bases = join(distFolder, 'bases')
  const folder = freshFolder(bases, name)
  try {
    const boot = join(scratch, 'boot')
    mkdirSync(boot)
    const common = { basename: 'wow', title: 'WOW base', folder: boot, slot: emptySlot() }
    await bake({ base, flavour, formats: [builder.format], ...common })
    const keys = accessKeys(scratch)
    const image = join(boot, `wow.${{ qcow2: 'qcow2', ova: 'ova', vmdk: 'vmx' }[builder.format]}`)
    const output = join(scratch, 'output')
    const machine =
      builder.format === 'qcow2' ? await qemuModel((await packageLayer(flavour, mirror)).tar, scratch) : {}
    await step(`boot ${flavour.name} by ${builder.source}, run ${script}`, () =>
      packer('custom.pkr.hcl', { image, script, output, ...keys, ...machine }, builder.source),
    )
    await step('the base as it is now', async () => {
      const raw = join(scratch, 'disk.raw')
      await $({ quiet: true })`qemu-img convert -O raw ${diskIn(output)} ${raw}`
      await writeCustomBase(flavour, raw, base.slotAt, folder)
    })
    replaceFolder(folder, join(bases, name))
  } finally {
    for (const left of [scratch, folder]) rmSync(left, { recursive: true, force: true })
  }
  const made = relative(process.cwd(), join(bases, name))
  say(`Done in ${sinceStart()}: ${made}. Bake it: make appliance BASE=${made} NS=<namespace>`)
})

function readScript(path: string): string {
  if (path === '')
    throw new InputError('SCRIPT_MISSING', 'SCRIPT: no script was given', 'Name a file that runs as root')
  try {
    if (statSync(path).isFile()) return resolve(path)
  } catch {
    // Reported below.
  }
  throw new InputError(
    'SCRIPT_UNREADABLE',
    `SCRIPT: ${path} is no file that can be read`,
    'Name a file that runs as root',
  )
}

function readBuilder(word: string): keyof typeof BUILDERS {
  const names = Object.keys(BUILDERS) as (keyof typeof BUILDERS)[]
  const found = names.find((name) => name === word)
  if (found !== undefined) return found
  throw new InputError('BUILDER_UNKNOWN', `BUILDER: "${word}" is no builder`, `Choose of: ${names.join(', ')}`)
}

/** An order for a base alone, without a namespace. */
function orderOf(flavour: string, mirror: string | undefined): Request {
  return {
    namespace: { id: '', name: '', pool: '', token: '' },
    flavour,
    formats: [],
    bootstrap: [],
    sshKeys: [],
    basename: '',
    folder: '',
    mirror,
  }
}

/** A single-use SSH key, and the floppy's file that authorises it. */
function accessKeys(scratch: string): { ssh_key: string; floppy: string } {
  const key = join(scratch, 'key')
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'make custom', '-f', key])
  const floppy = join(scratch, 'appliance.json')
  writeFileSync(floppy, JSON.stringify({ sshKeys: [readFileSync(`${key}.pub`, 'utf8').trim()] }))
  return { ssh_key: key, floppy }
}

async function qemuModel(packages: string, scratch: string): Promise<Record<string, string>> {
  const kernel = join(scratch, 'vmlinuz')
  extractKernel(packages, kernel)
  const accelerator = await chooseAccelerator(kernel)
  const { model, count } = PROCESSORS[accelerator]
  return { accelerator, cpu: model, cpus: String(count) }
}

function diskIn(output: string): string {
  const disk = readdirSync(output).find((name) => /\.(qcow2|vmdk)$/.test(name))
  if (disk === undefined) throw new Error(`${output} holds no disk`)
  return join(output, disk)
}
