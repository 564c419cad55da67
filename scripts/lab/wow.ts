/** The `wow` command as the lab runs it: the built one, or the sources where nothing is built yet. */

import { existsSync } from 'node:fs'
import { agentBundle, inRoot } from '../appliance/paths.ts'

/** The program and its first arguments. */
export function wowCommand(): readonly [string, ...string[]] {
  if (existsSync(agentBundle)) return [process.execPath, agentBundle]
  const tsx = import.meta.resolve('tsx')
  return [process.execPath, '--import', tsx, inRoot('agent', 'cli', 'wow.ts')]
}
