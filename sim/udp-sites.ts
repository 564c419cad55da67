/**
 * Where the hosts of a story are: on the Internet, or behind NATs of many behaviours. Each kind of NAT of a story (nat.ts)
 * stands for the behaviours that have the same consequence.
 */

import type { Random } from '../agent/core/random.ts'
import type { SimNat } from './datagram-host.ts'
import {
  ADDRESS_DEPENDENT_NAT,
  CARRIER_GRADE_NAT,
  FULL_CONE_NAT,
  HOME_NAT,
  type NatBehavior,
  RESTRICTED_CONE_NAT,
  SYMMETRIC_NAT,
} from './datagram-nat.ts'
import type { DatagramNetwork } from './datagram-network.ts'
import type { NatKind } from './nat.ts'

/** Some NATs forget a mapping so soon, ms, where RFC 4787 asks for 2 min. */
const SHORT_MS = 30_000

function hasty(behavior: NatBehavior): NatBehavior {
  return { ...behavior, timeoutMs: SHORT_MS }
}

function hairpinning(behavior: NatBehavior): NatBehavior {
  return { ...behavior, hairpinning: true }
}

/** The NAT at home, and that of the carrier if there is one. */
type Site = readonly [home: NatBehavior, carrier?: NatBehavior]

const SITES: Readonly<Record<Exclude<NatKind, 'open'>, readonly Site[]>> = {
  cone: [
    [FULL_CONE_NAT],
    [RESTRICTED_CONE_NAT],
    [hairpinning(RESTRICTED_CONE_NAT)],
    [HOME_NAT],
    [hasty(HOME_NAT)],
    [hairpinning(HOME_NAT)],
    [CARRIER_GRADE_NAT],
    [HOME_NAT, CARRIER_GRADE_NAT],
    [hasty(RESTRICTED_CONE_NAT), HOME_NAT],
  ],
  symmetric: [
    [SYMMETRIC_NAT],
    [hasty(SYMMETRIC_NAT)],
    [hairpinning(SYMMETRIC_NAT)],
    [ADDRESS_DEPENDENT_NAT],
    [HOME_NAT, SYMMETRIC_NAT],
    [SYMMETRIC_NAT, CARRIER_GRADE_NAT],
  ],
  outgoing: [[SYMMETRIC_NAT, hasty(SYMMETRIC_NAT)], [ADDRESS_DEPENDENT_NAT, SYMMETRIC_NAT], [hasty(SYMMETRIC_NAT)]],
}

/** One host in so many moves in behind a NAT that is there, and one home in so many behind a carrier's NAT that is there. */
const HOSTS_PER_NAT = 3
const HOMES_PER_CARRIER = 2

export class UdpSites {
  readonly #network: DatagramNetwork
  readonly #random: Random
  readonly #homes = new Map<NatKind, SimNat[]>()
  readonly #carriers = new Map<NatBehavior, SimNat>()

  constructor(network: DatagramNetwork, random: Random) {
    this.#network = network
    this.#random = random
  }

  /** The NAT for a new host; undefined: the host is on the Internet. */
  natOf(kind: NatKind): SimNat | undefined {
    if (kind === 'open') return undefined
    const homes = this.#homes.get(kind) ?? []
    this.#homes.set(kind, homes)
    if (homes.length > 0 && this.#random.below(HOSTS_PER_NAT) === 0) return homes[this.#random.below(homes.length)]
    const [home, carrier] = SITES[kind][this.#random.below(SITES[kind].length)]!
    const nat = this.#network.nat(home, carrier && this.#carrierOf(carrier))
    homes.push(nat)
    return nat
  }

  #carrierOf(behavior: NatBehavior): SimNat {
    const known = this.#carriers.get(behavior)
    if (known !== undefined && this.#random.below(HOMES_PER_CARRIER) === 0) return known
    const nat = this.#network.nat(behavior)
    this.#carriers.set(behavior, nat)
    return nat
  }
}
