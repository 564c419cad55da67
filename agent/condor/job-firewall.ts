/**
 * The fence around jobs: whatever they do, they reach the virtual network and this machine, not the LAN of whoever owns
 * the machine, nor the Internet.
 *
 * Jobs run as `nobody` (see templates/condor), and the kernel's packet filter knows them by that.
 */

import { WowError } from '../core/errors.ts'
import type { Commands } from './commands.ts'

const TABLE = 'wow_jobs'
const JOB_USER = 'nobody'
const LIMIT_MS = 10_000

/** nft(8) input that puts up the fence in one transaction, whatever stood before. `tap`: a device name. */
export function jobFirewallRules(tap: string): string {
  return `table inet ${TABLE}
delete table inet ${TABLE}
table inet ${TABLE} {
  chain out {
    type filter hook output priority 0; policy accept;
    meta skuid "${JOB_USER}" oifname != { "lo", "${tap}" } counter reject
  }
}
`
}

/** Puts the fence up, or takes it down. @throws WowError when jobs would not be fenced in though they should. */
export async function setJobFirewall(commands: Commands, tap: string, wanted: boolean): Promise<void> {
  const input = wanted ? jobFirewallRules(tap) : `table inet ${TABLE}\ndelete table inet ${TABLE}\n`
  const result = await commands.run('nft', ['-f', '-'], { limitMs: LIMIT_MS, input })
  if (result.kind === 'ok' || !wanted) return
  throw new WowError(
    'CONDOR_FENCE',
    `Jobs cannot be kept off this machine's own network: ${result.said}.`,
    'Install the package nftables, or allow it with the condor setting network=any.',
  )
}
