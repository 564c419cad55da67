/**
 * `wow doctor`: the checks a person would make, in boot order, each with what was found and what to do.
 *
 * A check is a code and a function of the agent's facts. The first check that fails is usually the cause of the rest.
 */

import { existsSync } from 'node:fs'
import { messageOf } from '../core/errors.ts'
import { formatCidr, formatIp4 } from '../core/ip.ts'
import { checkOverlap, localNetworks } from '../namespace/pool-choice.ts'
import { tapProblem } from '../net/tap/kernel-tap.ts'
import { formatAddress } from '../overlay/address.ts'
import { CONDOR_CHECKS } from './condor.ts'
import type { AgentFacts, NamespaceFacts } from './facts.ts'
import { bad, type Finding, good } from './finding.ts'

export interface Check extends Finding {
  readonly code: string
}

export interface Diagnosis {
  readonly ok: boolean
  readonly checks: readonly Check[]
}

const CHECKS: readonly (readonly [code: string, run: (facts: AgentFacts) => Finding])[] = [
  ['AGENT_RUNNING', ({ version }) => good(`version ${version}, process ${process.pid}`)],
  ['LISTENING', listening],
  ['BOOTSTRAP_REACHABLE', bootstrapReachable],
  ['CORRECTLY_CONNECTED', correctlyConnected],
  ['DHT_READY', dhtReady],
]

const NAMESPACE_CHECKS: readonly (readonly [code: string, run: (facts: NamespaceFacts) => Finding])[] = [
  ['TUN_DEVICE', tunDevice],
  ['POOL_FREE', poolFree],
  ['NAMESPACE_RECORD', namespaceRecord],
  ['TAP', tapStands],
  ['POOL_NOT_EXHAUSTED', poolNotExhausted],
  ['LEASE', lease],
]

export function diagnose(facts: AgentFacts): Diagnosis {
  const checks = CHECKS.map(([code, run]) => ({ code, ...run(facts) }))
  const { namespace, phases } = facts
  if (namespace !== undefined) {
    for (const [code, run] of NAMESPACE_CHECKS) checks.push({ code, ...run(namespace) })
    const { condor } = namespace
    if (condor !== undefined) checks.push(...CONDOR_CHECKS.map(([code, run]) => ({ code, ...run(condor) })))
  }
  if (phases.failed !== undefined) {
    const { code, message, hint } = phases.failed
    checks.push({ code, ok: false, detail: message, hint })
  }
  return conclude(checks)
}

/** What fails for some seconds on a healthy node, too: while it joins, and after its machine got no CPU for a moment. */
const PASSING: readonly string[] = [
  'BOOTSTRAP_REACHABLE',
  'CORRECTLY_CONNECTED',
  'DHT_READY',
  'CONDOR_MANAGER',
  'CONDOR_POOL',
]

/** Whether something is wrong, and all of it may be well again in a few seconds. */
export function mayPass({ ok, checks }: Diagnosis): boolean {
  return !ok && checks.every(({ ok, code }) => ok || PASSING.includes(code))
}

export function conclude(checks: readonly Check[]): Diagnosis {
  return { ok: checks.every(({ ok }) => ok), checks }
}

function listening({ phases, endpoints }: AgentFacts): Finding {
  if (phases.get('listening') === undefined) return bad('not listening yet', 'Wait a second, then see the log.')
  return good(endpoints[0] === undefined ? 'nobody can dial this node; it dials others' : `at ${endpoints[0]}`)
}

function bootstrapReachable({ ring, alone, bootstrap }: AgentFacts): Finding {
  const links = ring?.links.length ?? 0
  if (links > 0) return good(`${links} ${links === 1 ? 'link' : 'links'}`)
  if (alone && bootstrap.length === 0) return good('no other node is known: this one is the whole ring')
  const tried = bootstrap.length === 0 ? 'no link' : `no link; tried ${bootstrap.slice(0, 3).join(', ')}`
  return bad(
    tried,
    'Check that one of the bootstrap nodes runs and that its port is open, or give another with --bootstrap.',
  )
}

function correctlyConnected({ ring }: AgentFacts): Finding {
  if (ring === undefined || !ring.correctlyConnected) {
    return bad(
      'the links to the left and right neighbour do not stand yet',
      'Wait some seconds; if it stays, the neighbours cannot be reached: see wow peers.',
    )
  }
  if (ring.left === undefined || ring.right === undefined) return good('a ring of one')
  return good(`left ${formatAddress(ring.left).slice(0, 8)}, right ${formatAddress(ring.right).slice(0, 8)}`)
}

function dhtReady({ dhtReady, ring }: AgentFacts): Finding {
  if (dhtReady) return good(`about ${Math.round(ring?.estimatedSize ?? 1)} nodes in the ring`)
  return bad('this node still takes over its part of the DHT', 'Wait some seconds; leases are handed out afterwards.')
}

export function tunDevice(): Finding {
  const problem = tapProblem()
  return problem === undefined ? good('a tap can be made') : bad(problem.message, problem.hint)
}

function poolFree({ signed, tap }: NamespaceFacts): Finding {
  const { pool } = signed.record
  try {
    checkOverlap(
      pool,
      localNetworks((device) => device === tap),
    )
    return good(`${formatCidr(pool)} is used by ${tap} only`)
  } catch (error) {
    return bad(messageOf(error), 'Remove the other route, or move to a namespace with another pool.')
  }
}

function namespaceRecord({ recordState, recordDetail, signed }: NamespaceFacts): Finding {
  const name = `${signed.record.name} (${signed.id})`
  switch (recordState) {
    case 'alive':
    case 'created':
    case 'recreated':
      return good(`the record of ${name} is ${recordState === 'alive' ? 'alive' : `kept alive: ${recordState}`}`)
    case 'unknown':
      return bad(`the record of ${name} was not looked for yet`, 'It is, once the node is correctly connected.')
    case 'taken':
    case 'unavailable':
      return bad(
        `the record of ${name} could not be kept: ${recordDetail}`,
        `The agent goes by its token and tries again within ${recordState === 'taken' ? 'half an hour' : 'a minute'}.`,
      )
  }
}

function tapStands({ tap }: NamespaceFacts): Finding {
  return existsSync(`/sys/class/net/${tap}`)
    ? good(`${tap} stands`)
    : bad(`the tap ${tap} is missing`, 'Somebody removed it; restart the agent.')
}

function poolNotExhausted({ refused, signed }: NamespaceFacts): Finding {
  if (refused !== 'pool-exhausted') return good(`${formatCidr(signed.record.pool)} has room`)
  return bad(
    `every address of ${formatCidr(signed.record.pool)} is held by somebody`,
    'Stop some nodes and wait for their leases to end, or make a namespace with a larger pool.',
  )
}

function lease({ leases, tap, refused, lost }: NamespaceFacts): Finding {
  if (lost.length > 0) {
    return bad(
      `${lost.map(formatIp4).join(', ')} went to another node, and the client on ${tap} has not asked again`,
      `Start the DHCP client again, such as \`dhclient ${tap}\`; \`wow up --on-lost COMMAND\` does it by itself.`,
    )
  }
  const [first] = leases
  if (first !== undefined)
    return good(`${leases.map(({ ip }) => formatIp4(ip)).join(', ')}, ${first.expiresInS} s left`)
  const why = refused === undefined ? 'no client has asked yet' : `the last client was refused: ${refused}`
  return bad(`no lease: ${why}`, `Run a DHCP client on the tap, such as \`dhclient ${tap}\`.`)
}
