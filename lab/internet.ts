/**
 * The network below the overlay: one bridge in its own namespace plays the Internet.
 *
 * Addresses come from RFC 5737 (documentation) as a rule, so no address in the lab means anything outside it. Hosts behind a
 * NAT are in `nat-site.ts`.
 */

import { NetworkNamespace } from './network-namespace.ts'

const PREFIX = 24
const DOCUMENTATION = '198.51.100'
/**
 * A network that no RFC reserves, for routers that let nobody in at an address of which they know that it is not public. Nothing leaves
 * the lab's namespaces.
 */
export const UNRESERVED = '198.51.99'
/** The same for IPv6 (RFC 3849). */
const NETWORK6 = '2001:db8::'
const PREFIX6 = 64
/** The largest host number of a /24. */
const LAST_HOST = 254
const BRIDGE = 'br0'
/** The bridge for hosts that a partition separates from the rest. */
const ASIDE = 'br1'

export interface Attachment {
  /** IP address, without its prefix length. */
  readonly ip: string
  readonly device: string
}

export class Internet {
  readonly namespace: NetworkNamespace
  readonly #network: string
  #attached = 0

  /** `network`: the first three bytes of all addresses. */
  static async create(network = DOCUMENTATION): Promise<Internet> {
    const internet = new Internet(await NetworkNamespace.create('underlay'), network)
    await bridge(internet.namespace, BRIDGE)
    return internet
  }

  private constructor(namespace: NetworkNamespace, network: string) {
    this.namespace = namespace
    this.#network = network
  }

  /** Gives `namespace` a link to the bridge and the next address, one of IPv6 with `ip6`. `mtu` of the link: bytes. */
  async attach(namespace: NetworkNamespace, { device = 'eth0', mtu = 1500, ip6 = false } = {}): Promise<Attachment> {
    const number = ++this.#attached
    if (number > LAST_HOST) throw new RangeError(`the underlay has room for ${LAST_HOST} hosts`)
    const port = portOf(number)
    const inside = { netns: namespace.name, device }
    await veth(this.namespace, port, inside, mtu)
    await this.namespace.ip('link', 'set', port, 'master', BRIDGE, 'up')
    await namespace.ip('link', 'set', device, 'up')
    const ip = ip6 ? `${NETWORK6}${number.toString(16)}` : `${this.#network}.${number}`
    // Nobody else has the address, so nobody need be asked (duplicate address detection takes a second).
    const address = ip6 ? [`${ip}/${PREFIX6}`, 'nodad'] : [`${ip}/${PREFIX}`]
    await namespace.ip('address', 'add', address[0]!, 'dev', device, ...address.slice(1))
    return { ip, device }
  }

  /** Separates the hosts with these addresses: they reach only each other, and no other host reaches them. */
  async part(ips: readonly string[]): Promise<void> {
    await bridge(this.namespace, ASIDE)
    await this.#move(ips, ASIDE)
  }

  /** Ends the partition that `part` began with the same addresses. */
  async heal(ips: readonly string[]): Promise<void> {
    await this.#move(ips, BRIDGE)
    await this.namespace.ip('link', 'delete', ASIDE)
  }

  async #move(ips: readonly string[], to: string): Promise<void> {
    for (const ip of ips) {
      await this.namespace.ip('link', 'set', portOf(ip.split('.').at(-1) ?? ''), 'master', to)
    }
  }
}

function portOf(number: number | string): string {
  return `port${number}`
}

/** Creates a bridge that is up. With an address (and its prefix length) the namespace is a host on the bridge too. */
export async function bridge(here: NetworkNamespace, name: string, address?: string): Promise<void> {
  await here.ip('link', 'add', name, 'type', 'bridge')
  if (address !== undefined) await here.ip('address', 'add', address, 'dev', name)
  await here.ip('link', 'set', name, 'up')
}

/** Creates a cable: one end, `near`, in this namespace, the other in another. */
export async function veth(
  here: NetworkNamespace,
  near: string,
  far: { readonly netns: string; readonly device: string },
  mtu = 1500,
): Promise<void> {
  const size = ['mtu', String(mtu)]
  await here.ip('link', 'add', near, ...size, 'type', 'veth', 'peer', 'name', far.device, 'netns', far.netns, ...size)
}
