/** Names for nodes that are given none. */

import type { Clock } from '../../agent/core/clock.ts'
import { GivenNames } from '../../agent/rendezvous/given-names.ts'
import { systemNames } from '../../agent/rendezvous/system-names.ts'

export function noNames(clock: Clock): GivenNames {
  return new GivenNames(
    clock,
    systemNames(() => false),
  )
}
