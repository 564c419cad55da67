/**
 * The firewall around jobs: a job reaches the virtual network and this machine, but not its owner's LAN or the
 * Internet.
 *
 * Jobs run as `nobody` (see templates/condor), and the kernel's packet filter recognizes them by that.
 */

import { WowError } from '../core/errors.ts'
import type { Commands } from './commands.ts'

const TABLE = 'wow_jobs'
const JOB_USER = 'nobody'
const LIMIT_MS = 10_000

/** nft(8) input that sets up the firewall in one transaction, replacing any earlier one. `tap`: a device name. */
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

/** Sets the firewall up or removes it. @throws WowError when a wanted firewall cannot be set up. */
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
