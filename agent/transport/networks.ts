/** Sets of IP networks. */

import { BlockList, isIP } from 'node:net'

export class Networks {
  readonly #list = new BlockList()

  constructor(networks: readonly (readonly [ip: string, prefix: number])[]) {
    for (const [ip, prefix] of networks) this.#list.addSubnet(ip, prefix, familyOf(ip))
  }

  /** IPv4 addresses that are mapped into IPv6 count as IPv4. */
  include(ip: string): boolean {
    return this.#list.check(ip, familyOf(ip))
  }
}

function familyOf(ip: string): 'ipv4' | 'ipv6' {
  return isIP(ip) === 6 ? 'ipv6' : 'ipv4'
}
