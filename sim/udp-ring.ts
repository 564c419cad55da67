/** Rings over UDP in virtual time: the agent's own link layer on the simulator's networks, with their NATs. */

import { SimRing } from './sim-ring.ts'
import { UdpNetwork } from './udp-network.ts'
import { VirtualClock } from './virtual-clock.ts'

export type UdpRing = SimRing<UdpNetwork>

export function udpRing(seed: number): UdpRing {
  return new SimRing(seed, new VirtualClock(), (clock, random) => new UdpNetwork(clock, random))
}
