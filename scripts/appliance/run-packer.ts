/** Has Packer run an image's stages (packer/core.pkr.hcl), or boot one to customise it (packer/custom.pkr.hcl). */

import { join } from 'node:path'
import { $ } from 'zx'
import { Explained } from '../lib/main.ts'
import { cacheFolder, inRoot } from '../lib/paths.ts'
import { follow, say } from '../lib/progress.ts'
import { type Request, withOrder } from './request.ts'
import type { Stage } from './stages.ts'

/** Hands the order to Packer and shows what its stages print. */
export async function runStages(request: Request, stages: readonly Stage[]): Promise<void> {
  if (stages.length === 0) return
  const command = `'${process.execPath}' --import tsx '${inRoot('scripts', 'appliance', 'packer-stage.ts')}'`
  const vars = { stages: JSON.stringify(stages), stage_command: command }
  await withOrder(request, (order) => packer('core.pkr.hcl', { request: order, ...vars }))
}

/** Runs a template of packer/; `only` picks one of its sources. @throws Explained when it fails, after printing why. */
export async function packer(template: string, vars: Readonly<Record<string, string>>, only?: string): Promise<void> {
  const args = Object.entries(vars).flatMap(([name, value]) => ['-var', `${name}=${value}`])
  if (only !== undefined) args.push(`-only=${only}`)
  const env = { ...process.env, CHECKPOINT_DISABLE: '1', PACKER_CACHE_DIR: join(cacheFolder, 'packer') }
  const shell = $({ quiet: true, nothrow: true, cwd: inRoot(), env })
  const running = shell`packer build -color=false ${args} ${inRoot('packer', template)}`
  let failure: string | undefined
  let explained = false
  // A step's output comes indented under the builder's name. Packer's own lines matter only where it boots a machine.
  const heard = only === undefined ? /^\s+[\w-]+\.\w+: (.*)$/ : /^(?:==>)?\s+[\w-]+\.\w+: (.*)$/
  follow(running.stdout, (line) => {
    const spoken = heard.exec(line)?.[1]
    if (spoken?.trim().startsWith('error: ')) explained = true
    if (spoken !== undefined) return spoken.startsWith('==>') ? spoken : `    ${spoken.trim()}`
    if (/rror/.test(line)) failure ??= line
    return undefined
  })
  const { exitCode, stderr } = await running
  if (exitCode === 0) return
  const why = `${failure ?? ''}\n${stderr}`.trim()
  if (why !== '' && !explained) say(why)
  throw new Explained(1)
}
