/** Decides whether a node needs a port mapping, and starts it. */

import { multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '../../core/clock.ts'
import { Counters } from '../../core/counters.ts'
import { SEED_BYTES } from '../../core/ed25519.ts'
import { formatIp4, type Ip4 } from '../../core/ip.ts'
import type { Log } from '../../core/log.ts'
import type { Random } from '../../core/random.ts'
import type { DialRules } from '../dial-rules.ts'
import { parseEndpoint, reachOf } from '../endpoints.ts'
import type { Identity } from '../identity.ts'
import { PortMapping, type PortMappingParts } from './port-mapping.ts'
import { RealMappingNet } from './real-net.ts'
import { currentUplink } from './uplink.ts'
import type { Uplink } from './ways.ts'

export interface PortMappingOptions {
  readonly identity: Identity
  /** Where the node listens over UDP, such as `/ip4/0.0.0.0/udp/4001`. */
  readonly listen: readonly string[]
  /** See `DialRules`: what nobody may dial is no address of a router. */
  readonly rules: Pick<DialRules, 'admitsIp4'>
  /** The overlay's own taps. */
  readonly hiddenInterfaces?: readonly string[]
  readonly onChange: PortMappingParts['onChange']
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** undefined for a node that does not listen over IPv4, or only on this machine. */
export function startPortMapping(options: PortMappingOptions): PortMapping | undefined {
  const { identity, hiddenInterfaces = [], clock, random, log, onChange } = options
  const [at] = options.listen.map((text) => parseEndpoint(text).multiaddr).filter(isIp4)
  if (at === undefined || reachOf(at) === 'loopback') return undefined
  const [host, port] = at.getComponents()
  const admits = (ip: Ip4) => options.rules.admitsIp4(formatIp4(ip))
  const isAsked = ({ own }: Uplink) => {
    const ip = formatIp4(own)
    // Nobody stands between the Internet and a public address; and a socket of another address hears nothing of what is mapped.
    return reachOf(multiaddr(`/ip4/${ip}`)) !== 'public' && (host?.value === '0.0.0.0' || host?.value === ip)
  }
  const counters = new Counters()
  const mapping = new PortMapping({
    net: new RealMappingNet(counters),
    uplink: () => {
      const uplink = currentUplink({ hiddenInterfaces, admits })
      return uplink !== undefined && isAsked(uplink) ? uplink : undefined
    },
    port: Number(port?.value),
    secret: identity.privateKey.raw.subarray(0, SEED_BYTES),
    ...{ admits, onChange, clock, random, log, counters },
  })
  mapping.start()
  return mapping
}

function isIp4(address: ReturnType<typeof multiaddr>): boolean {
  return address.getComponents()[0]?.name === 'ip4'
}
