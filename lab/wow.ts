/** The `wow` command that the lab runs: the built one, or the sources where nothing has been built. */

import { existsSync } from 'node:fs'
import { agentBundle, inRoot } from '../scripts/lib/paths.ts'

/** The program and its first arguments. `WOW_BUNDLE` names another build, to compare builds. */
export function wowCommand(): readonly [string, ...string[]] {
  const bundle = process.env.WOW_BUNDLE || agentBundle
  if (existsSync(bundle)) return [process.execPath, bundle]
  const tsx = import.meta.resolve('tsx')
  return [process.execPath, '--import', tsx, inRoot('agent', 'cli', 'wow.ts')]
}
