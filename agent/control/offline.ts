/** `wow doctor` when no agent runs. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { InputError, type WowError } from '../core/errors.ts'
import { StateFolder } from '../host/state-folder.ts'
import { type Check, conclude, type Diagnosis, tunDevice } from './doctor.ts'
import { bad, type Finding, good } from './finding.ts'

/** `silence`: the error from querying the agent. */
export function diagnoseOffline(path: string, silence: WowError): Diagnosis {
  const folder = new StateFolder(path)
  const checks: Check[] = [
    { code: 'STATE_FOLDER', ...attempt(() => folder.check(), `${path} can be written`) },
    { code: 'STATE_FILES', ...attempt(() => void folder.remembered(), stateFiles(path)) },
    { code: 'TUN_DEVICE', ...tunDevice() },
    { code: 'AGENT_RUNNING', ...bad(silence.message, silence.hint) },
  ]
  return conclude(checks)
}

function stateFiles(path: string): string {
  return existsSync(join(path, 'identity.json')) ? 'an agent ran here before' : 'no agent ran here yet'
}

function attempt(task: () => void, found: string): Finding {
  try {
    task()
    return good(found)
  } catch (error) {
    if (error instanceof InputError) return bad(error.message, error.hint)
    throw error
  }
}
