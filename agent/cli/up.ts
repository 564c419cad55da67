/** `wow up`: reads what was asked for and hands over to the boot sequence. */

import { readConfigFile, resolveConfig, type UpOptions } from '../boot/config.ts'
import { override, sourceLine } from '../boot/overrides.ts'
import { condorSection } from '../condor/settings.ts'
import { warn } from './output.ts'

/** As the command line gives it. */
export interface UpFlags extends Omit<UpOptions, 'condor'> {
  readonly config?: string
  readonly overrides?: string
  readonly json?: boolean
  /** `role=worker,…`; true: no settings. */
  readonly condor?: string | true
}

export async function up({ config: path, overrides, json, condor, ...rest }: UpFlags): Promise<void> {
  // What the text says is checked with all other options.
  const section = condor === true ? {} : condor === undefined ? undefined : condorSection(condor)
  const flags = { ...rest, ...(section === undefined ? {} : { condor: section }) }
  const file = path === undefined ? {} : readConfigFile(path, warn)
  const { options, sources } =
    overrides === undefined ? { options: file, sources: [] } : override(file, overrides, warn)
  const config = resolveConfig(json === true ? { log: 'json', ...flags } : flags, options)
  const { runAgent } = await import('../main.ts')
  await runAgent(config, sources.map(sourceLine))
  // Everything is closed or was given up on; a connection that lingers must not hold up whoever asked us to stop.
  process.exit(0)
}
