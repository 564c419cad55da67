/** A machine's part in its pool, as status, doctor and `wow condor` read it. */

import type { WowError } from '../core/errors.ts'
import type { Ip4 } from '../core/ip.ts'
import type { Mandate } from './manager-entry.ts'
import type { CondorSettings } from './settings.ts'

/** `waiting`: for an address or a manager. `joining`: for daemons. `failed`: `problem` says why; the agent retries. */
export type PoolState = 'waiting' | 'joining' | 'joined' | 'failed'

export interface CondorFacts {
  readonly settings: CondorSettings
  readonly state: PoolState
  readonly problem: WowError | undefined
  readonly leading: boolean
  readonly manager: Mandate | undefined
  readonly slots: number
  readonly electionProblem: string | undefined
  /** How far this machine's clock is ahead of the manager's, s. */
  readonly skewS: number
  readonly hostname: string | undefined
  /** The managers of other pools that jobs may go to. */
  readonly flock: readonly { readonly pool: string; readonly ip: Ip4 }[]
}
