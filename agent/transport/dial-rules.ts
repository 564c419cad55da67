/**
 * Which endpoints are dialled on the word of others. What a user gives is dialled as it is.
 *
 * Guarantees: nobody makes this node talk to services of its own machine, into its own virtual network, or to addresses that
 * belong to no single host. One contact makes it dial few ports of one host. Names are resolved before they are judged.
 */

import { lookup } from 'node:dns/promises'
import { isIP, isIPv4 } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '../core/clock.ts'
import { within } from '../core/deadline.ts'
import { MAX_PORTS_PER_HOST, MAX_RESOLVED, NAME_LIMIT_MS } from './constants.ts'
import { type Endpoint, reachOf, readEndpoint } from './endpoints.ts'
import type { HiddenNetworks } from './hidden-networks.ts'
import { Networks } from './networks.ts'

/** No single host: "this network", multicast, reserved, the unspecified address, link-local without a zone, discard. */
const NO_HOST = new Networks([
  ['0.0.0.0', 8],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['::', 128],
  ['ff00::', 8],
  ['fe80::', 10],
  ['100::', 64],
])

const LOOPBACK = new Networks([
  ['127.0.0.0', 8],
  ['::1', 128],
])

export interface DialRulesParts {
  /** The overlay's own taps. */
  readonly hidden: HiddenNetworks
  /** Where this node listens: when it is only on the loopback, all nodes live on this machine. */
  readonly listening: () => readonly string[]
  readonly clock: Clock
}

export class DialRules {
  readonly #parts: DialRulesParts
  #givenLoopback = false

  constructor(parts: DialRulesParts) {
    this.#parts = parts
  }

  /** A user gave this endpoint. One on the loopback says that all nodes live on this machine. */
  onGiven({ multiaddr: address }: Endpoint): void {
    this.#givenLoopback ||= reachOf(address) === 'loopback'
  }

  /** Those of a contact's endpoints that may be dialled, names replaced by what they resolve to. */
  async select(endpoints: readonly Endpoint[]): Promise<Endpoint[]> {
    const known = (await Promise.all(endpoints.map((endpoint) => resolved(endpoint, this.#parts.clock)))).flat()
    const ports = new Map<string, Set<string>>()
    return known.filter((endpoint) => {
      const [host, port] = endpoint.multiaddr.getComponents()
      const ip = host?.value ?? ''
      if (!this.#isHost(ip)) return false
      const dialled = ports.get(ip) ?? new Set()
      ports.set(ip, dialled.add(`${port?.name} ${port?.value}`))
      return dialled.size <= MAX_PORTS_PER_HOST
    })
  }

  /** Whether the endpoint is worth remembering. A name is judged when it is dialled. */
  admits({ multiaddr: address }: Endpoint): boolean {
    const ip = address.getComponents()[0]?.value ?? ''
    return isIP(ip) === 0 || this.#isHost(ip)
  }

  /** Whether others may have this node send to an IPv4 address, or tell it to others. False for what is none. */
  admitsIp4(ip: string): boolean {
    return isIPv4(ip) && this.#isHost(ip)
  }

  /** Whether the way to an address is through one of the overlay's own taps, which must not carry the overlay. */
  isInOverlay(ip: string): boolean {
    return this.#parts.hidden.haveInNetwork(ip)
  }

  #isHost(ip: string): boolean {
    if (NO_HOST.include(ip) || this.isInOverlay(ip)) return false
    return !LOOPBACK.include(ip) || this.#livesOnLoopback()
  }

  #livesOnLoopback(): boolean {
    if (this.#givenLoopback) return true
    const listening = this.#parts.listening()
    return listening.length > 0 && listening.every((text) => reachOf(multiaddr(text)) === 'loopback')
  }
}

/** The endpoint with IP addresses in the place of a name; none when the name does not resolve soon. */
export async function resolved(endpoint: Endpoint, clock: Clock): Promise<readonly Endpoint[]> {
  const host = endpoint.multiaddr.getComponents()[0]
  const name = host?.value ?? ''
  if (isIP(name) !== 0) return [endpoint]
  try {
    const family = host?.name === 'dns4' ? 4 : host?.name === 'dns6' ? 6 : 0
    const asked = lookup(name, { all: true, family })
    const found = await within(clock, NAME_LIMIT_MS, asked, () => new Error(`${name} takes too long`))
    return found.slice(0, MAX_RESOLVED).flatMap(({ address, family: found }) => {
      const rest = endpoint.text.split('/').slice(3).join('/')
      return readEndpoint(`/ip${found}/${address}/${rest}`) ?? []
    })
  } catch {
    return [] // Nobody knows the name now.
  }
}
