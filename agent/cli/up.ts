/** `wow up`: reads what was asked for and hands over to the boot sequence. */

import { readConfigFile, resolveConfig, type UpOptions } from '../boot/config.ts'
import { warn } from './output.ts'

export interface UpCommand extends UpOptions {
  readonly config?: string
  readonly json?: boolean
}

export async function up({ config: path, json, ...flags }: UpCommand): Promise<void> {
  const file = path === undefined ? {} : readConfigFile(path, warn)
  const config = resolveConfig(json === true ? { log: 'json', ...flags } : flags, file)
  const { runAgent } = await import('../main.ts')
  await runAgent(config)
  // Everything is closed or was given up on; a connection that lingers must not hold up whoever asked us to stop.
  process.exit(0)
}
