/**
 * The network below the overlay: one bridge that plays the Internet, in a namespace of its own.
 *
 * Addresses are those of RFC 5737 (documentation), so no address in here means anything elsewhere. Who is behind a NAT is
 * in `nat-site.ts`.
 */

import { NetworkNamespace } from './network-namespace.ts'

const PREFIX = 24
const NETWORK = '198.51.100'
/** The largest host number of a /24. */
const LAST_HOST = 254

export interface Attachment {
  /** IPv4 address, without its prefix length. */
  readonly ip: string
  readonly device: string
}

export class Underlay {
  readonly namespace: NetworkNamespace
  #attached = 0

  static async create(): Promise<Underlay> {
    const underlay = new Underlay(await NetworkNamespace.create('underlay'))
    await underlay.namespace.ip('link', 'add', 'br0', 'type', 'bridge')
    await underlay.namespace.ip('link', 'set', 'br0', 'up')
    return underlay
  }

  private constructor(namespace: NetworkNamespace) {
    this.namespace = namespace
  }

  /** Gives `namespace` a link to the bridge and the next address. `mtu`: of this link, bytes. */
  async attach(namespace: NetworkNamespace, { device = 'eth0', mtu = 1500 } = {}): Promise<Attachment> {
    const number = ++this.#attached
    if (number > LAST_HOST) throw new RangeError(`the underlay has room for ${LAST_HOST} hosts`)
    const port = `port${number}`
    const inside = { netns: namespace.name, device }
    await veth(this.namespace, port, inside, mtu)
    await this.namespace.ip('link', 'set', port, 'master', 'br0', 'up')
    const ip = `${NETWORK}.${number}`
    await namespace.ip('address', 'add', `${ip}/${PREFIX}`, 'dev', device)
    await namespace.ip('link', 'set', device, 'up')
    return { ip, device }
  }
}

/** Two ends of one cable: `near` here, the other in another namespace. */
export async function veth(
  here: NetworkNamespace,
  near: string,
  far: { readonly netns: string; readonly device: string },
  mtu = 1500,
): Promise<void> {
  const size = ['mtu', String(mtu)]
  await here.ip('link', 'add', near, ...size, 'type', 'veth', 'peer', 'name', far.device, 'netns', far.netns, ...size)
}
