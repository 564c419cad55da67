/** `wow condor …`: shows the pool as this machine sees it, and reports the owner's activity. */

import { mkdirSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { defaultStateFolder } from '../boot/config.ts'
import { CONDOR_PATHS } from '../condor/configuration.ts'
import { writeReport } from '../condor/owner.ts'
import { askAgent } from '../control/client.ts'
import type { CondorStatus } from '../control/condor.ts'
import { InputError, messageOf, WowError } from '../core/errors.ts'
import { fields, print, printJson } from './output.ts'

export interface CondorStatusOptions {
  readonly state?: string
  readonly json?: boolean
}

export async function condorStatus({ state, json }: CondorStatusOptions): Promise<void> {
  const folder = resolve(state ?? defaultStateFolder())
  const answer = (await askAgent(folder, '/condor')) as CondorStatus | null
  if (answer === null) {
    throw new WowError('CONDOR_OFF', 'This machine is in no pool of HTCondor.', 'Start the agent with --condor.')
  }
  if (json === true) printJson(answer)
  else print(statusText(answer))
}

export interface OwnerOptions {
  readonly idle: number
  readonly battery?: boolean
}

/** @throws InputError when the report cannot be written. */
export function condorOwner({ idle, battery }: OwnerOptions): void {
  try {
    mkdirSync(dirname(CONDOR_PATHS.owner), { recursive: true, mode: 0o755 })
    writeReport(CONDOR_PATHS.owner, { idleS: idle, ...(battery === undefined ? {} : { onBattery: battery }) })
  } catch (error) {
    throw new InputError(
      'OWNER_UNWRITABLE',
      `The report ${CONDOR_PATHS.owner} cannot be written: ${messageOf(error)}.`,
      'Run the command with sudo.',
    )
  }
}

function statusText(status: CondorStatus): string {
  const { manager, leading, problem, flock } = status
  const who = manager === null ? 'none yet' : `${manager.ip}${leading ? ' (this machine)' : ''}, term ${manager.term}`
  const rows: [string, string][] = [
    ['state', problem === null ? status.state : `${status.state}: ${problem.message} ${problem.hint}`],
    ['pool', `${status.pool}, ${status.hosts} hosts, ${status.slots} slots`],
    ['manager', who],
    ['name', status.hostname ?? '-'],
    ['role', `${status.role}, jobs ${status.policy === 'idle' ? 'while its owner is away' : 'at any time'}`],
    ...(status.group === null ? [] : [['group', status.group] as [string, string]]),
    ...flock.map(({ pool, manager }): [string, string] => ['flock', `${pool} at ${manager}`]),
  ]
  return fields(rows)
}
