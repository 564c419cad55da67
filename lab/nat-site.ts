/**
 * A site behind a NAT: a router with one address of the underlay, and hosts with private addresses behind it.
 *
 * Only answers to traffic from inside come in, and what the router was asked to let in (see `port-mapper.ts`). `port-preserving`: the router keeps a connection's source port where it
 * can, as most home routers do. `randomising`: every connection leaves from another port. `without-udp`: like the first, and
 * the router drops all UDP, as some companies' do.
 */

import { type Attachment, bridge, type Internet, veth } from './internet.ts'
import type { NetworkNamespace } from './network-namespace.ts'

export type NatKind = 'port-preserving' | 'randomising' | 'without-udp'

/** Every site uses the same private network, as home networks do. */
const LAN = '192.168.1'
const ROUTER = `${LAN}.1`

export class NatSite {
  readonly router: NetworkNamespace
  /** The router's address outside. */
  readonly outerIp: string
  #hosts = 1

  /** Makes `router` the gateway of a new LAN. */
  static async create(internet: Internet, router: NetworkNamespace, kind: NatKind): Promise<NatSite> {
    const { ip } = await internet.attach(router, { device: 'wan' })
    await bridge(router, 'lan', `${ROUTER}/24`)
    await router.run('sysctl', '-qw', 'net.ipv4.ip_forward=1')
    await router.run('nft', rules(kind))
    return new NatSite(router, ip)
  }

  private constructor(router: NetworkNamespace, outerIp: string) {
    this.router = router
    this.outerIp = outerIp
  }

  /** Puts `namespace` on the LAN, with the router as its default route. */
  async attach(namespace: NetworkNamespace, { device = 'eth0', mtu = 1500 } = {}): Promise<Attachment> {
    const number = ++this.#hosts
    const port = `port${number}`
    await veth(this.router, port, { netns: namespace.name, device }, mtu)
    await this.router.ip('link', 'set', port, 'master', 'lan', 'up')
    const ip = `${LAN}.${number}`
    await namespace.ip('address', 'add', `${ip}/24`, 'dev', device)
    await namespace.ip('link', 'set', device, 'up')
    await namespace.ip('route', 'add', 'default', 'via', ROUTER)
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
