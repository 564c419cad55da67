/**
 * A site behind a NAT: a router with one address of the underlay, and hosts with private addresses behind it.
 *
 * Only answers to traffic from inside come in, and what the router was asked to let in (see `port-mapper.ts`). `port-preserving`:
 * the router keeps a connection's source port where it can, as most home routers do. `randomising`: every connection leaves from
 * another port. `without-udp`: like the first, and the router drops all UDP, as some companies' do. A site may be behind another
 * one, as homes are behind a carrier's NAT.
 */

import { type Attachment, bridge, veth } from './internet.ts'
import type { NetworkNamespace } from './network-namespace.ts'

export type NatKind = 'port-preserving' | 'randomising' | 'without-udp'

/** Every site uses the same private network, as home networks do, and every site behind a site another one. */
const LAN = '192.168.1'
const INNER_LAN = '192.168.2'

/** What a router's outer side is attached to. */
export interface Outside {
  attach(namespace: NetworkNamespace, options: { readonly device: string }): Promise<Attachment>
}

export class NatSite {
  readonly router: NetworkNamespace
  /** The router's address outside. */
  readonly outerIp: string
  readonly #lan: string
  #hosts = 1

  /** Makes `router` the gateway of a new LAN. */
  static async create(outside: Outside, router: NetworkNamespace, kind: NatKind): Promise<NatSite> {
    const { ip } = await outside.attach(router, { device: 'wan' })
    const site = new NatSite(router, ip, outside instanceof NatSite ? INNER_LAN : LAN)
    await bridge(router, 'lan', `${site.#gateway}/24`)
    await router.run('sysctl', '-qw', 'net.ipv4.ip_forward=1')
    await router.run('nft', rules(kind))
    return site
  }

  private constructor(router: NetworkNamespace, outerIp: string, lan: string) {
    this.router = router
    this.outerIp = outerIp
    this.#lan = lan
  }

  get #gateway(): string {
    return `${this.#lan}.1`
  }

  /** Puts `namespace` on the LAN, with the router as its default route. */
  async attach(namespace: NetworkNamespace, { device = 'eth0', mtu = 1500 } = {}): Promise<Attachment> {
    const number = ++this.#hosts
    const port = `port${number}`
    await veth(this.router, port, { netns: namespace.name, device }, mtu)
    await this.router.ip('link', 'set', port, 'master', 'lan', 'up')
    const ip = `${this.#lan}.${number}`
    await namespace.ip('address', 'add', `${ip}/24`, 'dev', device)
    await namespace.ip('link', 'set', device, 'up')
    await namespace.ip('route', 'add', 'default', 'via', this.#gateway)
    return { ip, device }
  }
}

function rules(kind: NatKind): string {
  const ports = kind === 'randomising' ? 'fully-random' : ''
  const dropped = kind === 'without-udp' ? 'meta l4proto udp drop;' : ''
  return `
    table ip nat {
      chain out { type nat hook postrouting priority 100; oifname "wan" masquerade ${ports}; }
    }
    table ip filter {
      chain through { type filter hook forward priority 0; policy drop; ${dropped} iifname "lan" accept; ct status dnat accept; ct state established,related accept; }
      chain in { type filter hook input priority 0; policy drop; iifname { "lo", "lan" } accept; ct state established,related accept; }
    }`
}
