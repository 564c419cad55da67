/** An appliance for tests: it has its own namespace, is baked into dist/, and is removed afterwards. */

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readFlavour } from '../../scripts/appliance/base/flavour.ts'
import { packageLayer } from '../../scripts/appliance/base/packages.ts'
import { type Accelerator, chooseAccelerator, extractKernel } from '../../scripts/lib/accelerator.ts'
import { agentBundle, distFolder, inRoot } from '../../scripts/lib/paths.ts'

/** Generous limits, ms: emulated machines boot on any kind of host. */
export const BOOT_MS = 15 * 60_000
export const COMMAND_MS = 3 * 60_000

export class TestAppliance {
  readonly scratch = mkdtempSync(join(tmpdir(), 'wow-image-'))
  readonly env: NodeJS.ProcessEnv = { ...process.env, WOW_HOME: join(this.scratch, 'home') }
  readonly name: string
  readonly id: string
  readonly token: string
  readonly dist: string

  /** `more`: further options of `wow namespace create`. */
  constructor(name: string, pool: string, more: readonly string[] = []) {
    this.name = name
    const argv = [agentBundle, 'namespace', 'create', '--name', name, '--pool', pool, ...more, '--json']
    const { id, token } = JSON.parse(execFileSync(process.execPath, argv, { env: this.env, encoding: 'utf8' }))
    this.id = id
    this.token = token
    this.dist = join(distFolder, id)
  }

  /** What a node without the secret needs to be linked with the copies. */
  get ringKey(): string {
    const argv = [agentBundle, 'namespace', 'ring-key', this.id]
    return execFileSync(process.execPath, argv, { env: this.env, encoding: 'utf8' }).trim()
  }

  /** Runs a script of scripts/ as make does; its progress goes to the test's standard error. */
  run(script: string, variables: Readonly<Record<string, string>>): void {
    execFileSync(process.execPath, ['--import', 'tsx', inRoot('scripts', script)], {
      env: { ...this.env, ...variables },
      cwd: inRoot(),
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  }

  bake(variables: Readonly<Record<string, string>> = {}): void {
    this.run('appliance.ts', { NS: this.id, ...variables })
  }

  /** A file of dist/, by its suffix. */
  file(suffix: string): string {
    return join(this.dist, `wow-${this.name}.${suffix}`)
  }

  /** `flavour`: one whose packages are in the cache; its kernel is the probe. */
  async accelerator(flavour = 'minimal'): Promise<Accelerator> {
    const packages = await packageLayer(readFlavour(flavour), process.env.MIRROR || undefined)
    const kernel = join(this.scratch, 'vmlinuz')
    extractKernel(packages.tar, kernel)
    return await chooseAccelerator(kernel)
  }

  remove(): void {
    rmSync(this.dist, { recursive: true, force: true })
    rmSync(this.scratch, { recursive: true, force: true })
  }
}

/** Where a machine's console log is kept, for a look into a failure. */
export function consoleLog(name: string): string {
  const folder = inRoot('build', 'e2e')
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `${name}.log`)
  rmSync(path, { force: true })
  return path
}
