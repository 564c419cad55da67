/** `wow up`: reads the configuration and starts the boot sequence. */

import { readConfigFile, resolveConfig, type UpOptions } from '../boot/config.ts'
import { override, sourceLine } from '../boot/overrides.ts'
import { condorSection } from '../condor/settings.ts'
import { warn } from './output.ts'

/** The options as the command line gives them. */
export interface UpFlags extends Omit<UpOptions, 'condor'> {
  readonly config?: string
  readonly overrides?: string
  readonly json?: boolean
  /** `role=worker,…`; true: given without settings. */
  readonly condor?: string | true
}

export async function up({ config: path, overrides, json, condor, ...rest }: UpFlags): Promise<void> {
  // The section is checked with all other options.
  const section = condor === true ? {} : condor === undefined ? undefined : condorSection(condor)
  const flags = { ...rest, ...(section === undefined ? {} : { condor: section }) }
  const file = path === undefined ? {} : readConfigFile(path, warn)
  const { options, sources } =
    overrides === undefined ? { options: file, sources: [] } : override(file, overrides, warn)
  const config = resolveConfig(json === true ? { log: 'json', ...flags } : flags, options)
  const { runAgent } = await import('../main.ts')
  await runAgent(config, sources.map(sourceLine))
  // Everything is closed or given up; a lingering connection must not delay the exit.
  process.exit(0)
}
