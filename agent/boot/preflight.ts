/** Checks that find errors before anything is written or opened; each error names the field and the remedy. */

import { checkOverlap, localNetworks } from '../namespace/pool-choice.ts'
import type { SignedRecord } from '../namespace/record.ts'
import { checkTap, type TapOptions } from '../net/tap/kernel-tap.ts'
import { isGivenName, parseGivenName } from '../rendezvous/given-name.ts'

/** @throws InputError when the tap cannot be made here, or the namespace's pool overlaps a route of this machine. */
export function checkMembership(tap: TapOptions, { record }: SignedRecord): void {
  checkTap(tap)
  checkOverlap(
    record.pool,
    localNetworks((device) => device === tap.name),
  )
}

/** @throws InputError that names the field and the address. */
export async function checkAddresses(of: {
  readonly bootstrap?: readonly string[]
  readonly listen?: readonly string[]
  readonly announce?: readonly string[]
}): Promise<void> {
  const { parseEndpoint, parseListen } = await import('../transport/endpoints.ts')
  for (const text of of.bootstrap ?? []) {
    if (isGivenName(text)) parseGivenName(text)
    else parseEndpoint(text, 'bootstrap')
  }
  for (const text of of.listen ?? []) parseListen(text, 'listen')
  for (const text of of.announce ?? []) parseListen(text, 'announce')
}
