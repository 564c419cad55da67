/** The pool in `wow condor status`, `wow status` and `wow doctor`. */

import type { CondorFacts } from '../condor/facts.ts'
import { formatIp4 } from '../core/ip.ts'
import { formatAddress } from '../overlay/address.ts'
import { bad, type Finding, good } from './finding.ts'

export interface CondorStatus {
  readonly state: CondorFacts['state']
  readonly pool: string
  readonly role: string
  readonly policy: string
  readonly group: string | null
  readonly hostname: string | null
  /** This machine manages the pool. */
  readonly leading: boolean
  readonly manager: { readonly ip: string; readonly term: number; readonly node: string } | null
  /** As the manager last counted them. */
  readonly hosts: number
  readonly slots: number
  readonly flock: readonly { readonly pool: string; readonly manager: string }[]
  /** How far this machine's clock is ahead of the manager's, s. */
  readonly clockSkewS: number
  readonly problem: { readonly code: string; readonly message: string; readonly hint: string } | null
}

/** HTCondor tolerates a skew of minutes; beyond this, s, its logs and its users' patience suffer. */
const MAX_SKEW_S = 300

export function condorStatusOf(facts: CondorFacts): CondorStatus {
  const { settings, manager, problem } = facts
  return {
    state: facts.state,
    pool: settings.pool,
    role: settings.role,
    policy: settings.policy,
    group: settings.group ?? null,
    hostname: facts.hostname ?? null,
    leading: facts.leading,
    manager:
      manager === undefined
        ? null
        : { ip: formatIp4(manager.ip), term: manager.term, node: formatAddress(manager.node) },
    hosts: manager?.hosts ?? 0,
    slots: facts.slots,
    flock: facts.flock.map(({ pool, ip }) => ({ pool, manager: formatIp4(ip) })),
    clockSkewS: facts.skewS,
    problem: problem === undefined ? null : { code: problem.code, message: problem.message, hint: problem.hint },
  }
}

export const CONDOR_CHECKS: readonly (readonly [code: string, run: (facts: CondorFacts) => Finding])[] = [
  ['CONDOR_MANAGER', managerKnown],
  ['CONDOR_CLOCK', clockAgrees],
  ['CONDOR_POOL', poolJoined],
]

function managerKnown({ manager, leading, electionProblem, settings }: CondorFacts): Finding {
  if (electionProblem !== undefined) {
    return bad(electionProblem, 'Wait half a minute; if it stays, see wow condor status on the machine that it means.')
  }
  if (manager === undefined) {
    const named = settings.manager === undefined ? '' : `; ${formatIp4(settings.manager)} is to be it`
    return bad(
      `the pool ${settings.pool} has no manager yet${named}`,
      'It gets one within a minute; if not, see wow doctor there.',
    )
  }
  const who = leading ? 'this machine manages' : `${formatIp4(manager.ip)} manages`
  return good(`${who} the pool ${settings.pool} in term ${manager.term}`)
}

function clockAgrees({ skewS }: CondorFacts): Finding {
  if (Math.abs(skewS) <= MAX_SKEW_S) return good("this machine's clock agrees with the manager's")
  const way = skewS > 0 ? 'ahead of' : 'behind'
  return bad(
    `this machine's clock is ${Math.abs(skewS)} s ${way} the manager's`,
    'Set the clock of the one that is wrong.',
  )
}

function poolJoined({ state, problem, slots, hostname }: CondorFacts): Finding {
  if (problem !== undefined) return bad(`${problem.code}: ${problem.message}`, problem.hint)
  if (state === 'joined') return good(`${hostname} is in it; ${slots} ${slots === 1 ? 'slot' : 'slots'}`)
  const why = state === 'waiting' ? 'there is no address or no manager yet' : 'the daemons are starting'
  return bad(`not in the pool yet: ${why}`, 'Wait half a minute.')
}
