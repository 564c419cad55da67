/**
 * Which of a peer's endpoints are worth remembering for the next start, when they are dialled like those that a user gives:
 * the best of each kind. Where both are at one host and port, the one of TCP stands for both.
 */

import type { DialRules } from './dial-rules.ts'
import { over, readEndpoint } from './endpoints.ts'

/** @param endpoints best first */
export function lastingEndpoints(endpoints: readonly string[], rules: Pick<DialRules, 'admits'>): string[] {
  const known = endpoints.flatMap((text) => readEndpoint(text) ?? []).filter((endpoint) => rules.admits(endpoint))
  const best = (['udp', 'tcp'] as const).flatMap((carrier) => known.find((one) => one.carrier === carrier) ?? [])
  const [udp, tcp] = best
  if (udp !== undefined && tcp !== undefined && over('tcp', udp)?.text === tcp.text) return [tcp.text]
  return best.map(({ text }) => text)
}
