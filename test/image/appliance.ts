/** An appliance for tests: a namespace of its own, baked into dist/, and gone afterwards. */

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readFlavour } from '../../scripts/appliance/base/flavour.ts'
import { packageLayer } from '../../scripts/appliance/base/packages.ts'
import { type Accelerator, chooseAccelerator, extractKernel } from '../../scripts/lib/accelerator.ts'
import { agentBundle, distFolder, inRoot } from '../../scripts/lib/paths.ts'

/** Generous: emulated machines boot on whatever this is. */
export const BOOT_MS = 15 * 60_000
export const COMMAND_MS = 3 * 60_000

export class TestAppliance {
  readonly scratch = mkdtempSync(join(tmpdir(), 'wow-image-'))
  readonly env: NodeJS.ProcessEnv = { ...process.env, WOW_HOME: join(this.scratch, 'home') }
  readonly name: string
  readonly id: string
  readonly token: string
  readonly dist: string

  constructor(name: string, pool: string) {
    this.name = name
    const argv = [agentBundle, 'namespace', 'create', '--name', name, '--pool', pool, '--json']
    const { id, token } = JSON.parse(execFileSync(process.execPath, argv, { env: this.env, encoding: 'utf8' }))
    this.id = id
    this.token = token
    this.dist = join(distFolder, id)
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

  /** A file of dist/, by its ending. */
  file(suffix: string): string {
    return join(this.dist, `wow-${this.name}.${suffix}`)
  }

  /** `flavour`: one whose packages are in the cache, for its kernel. */
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

/** Where the consoles of machines are kept, for whoever looks into a failure. */
export function consoleLog(name: string): string {
  const folder = inRoot('build', 'e2e')
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `${name}.log`)
  rmSync(path, { force: true })
  return path
}
