/** Runs a dial that ends with the caller's signal, when the node stops, or after `DIAL_LIMIT_MS`. */

import type { Clock } from '../core/clock.ts'
import { withDeadline } from '../core/deadline.ts'
import type { Link } from '../overlay/link.ts'
import { DIAL_LIMIT_MS } from './constants.ts'
import { LinkError } from './errors.ts'

export interface DialLimits {
  readonly clock: Clock
  /** Ends every dial. */
  readonly stopping: AbortSignal
  readonly counters: { failedDials: number }
}

export async function limitedDial(
  limits: DialLimits,
  signal: AbortSignal | undefined,
  dial: (limit: AbortSignal) => Promise<Link>,
): Promise<Link> {
  const deadline = {
    clock: limits.clock,
    limitMs: DIAL_LIMIT_MS,
    signals: signal === undefined ? [limits.stopping] : [limits.stopping, signal],
    late: new LinkError('unreachable', `No answer within ${DIAL_LIMIT_MS / 1000} s.`),
  }
  try {
    return await withDeadline(deadline, dial)
  } catch (error) {
    limits.counters.failedDials++
    throw error
  }
}
