/** Two hosts of one virtual network, the two ends of a tunnel, and what tests ask of either. */

import { type Host, Lab } from '../lab.ts'

/** `a` and `b` have a lease each, and no tunnel yet. */
export function pair(lab = new Lab()): { lab: Lab; a: Host; b: Host } {
  return { lab, a: lab.host('10.128.0.5'), b: lab.host('10.128.0.6') }
}

/** How many packets and datagrams the host dropped for this reason. */
export function drops(host: Host, reason: string): number {
  return host.network.counters()[`drop-${reason}`] ?? 0
}

/** Puts a datagram on the wire from `from` to `to` as if `from`'s agent had been changed to send it. */
export function forge(from: Host, to: Host, body: Uint8Array): void {
  from.overlay.datagram(to.overlay.self, body)
}
