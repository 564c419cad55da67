/** miniupnpd on a site's router, as many home routers have it: maps ports for hosts that ask by PCP, NAT-PMP or UPnP. */

import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { NatSite } from './nat-site.ts'
import type { NamespaceChild } from './network-namespace.ts'
import { until } from './until.ts'

/** For `ensurePackages`: the program alone, which the system does not start. */
export const MAPPER_PACKAGES = ['miniupnpd-nftables'] as const

export type MapperProtocols = 'pcp-and-nat-pmp' | 'upnp'

const TABLE = 'upnp'
/** Where miniupnpd puts its rules. */
const TABLES = `
  table inet ${TABLE} {
    chain forward { type filter hook forward priority 0; jump miniupnpd; }
    chain prerouting { type nat hook prerouting priority -100; jump prerouting_miniupnpd; }
    chain postrouting { type nat hook postrouting priority 90; jump postrouting_miniupnpd; }
    chain miniupnpd { }
    chain prerouting_miniupnpd { }
    chain postrouting_miniupnpd { }
  }`

export class PortMapper {
  readonly #site: NatSite
  readonly #file: string
  #child: NamespaceChild
  readonly log: string[] = []

  /** `file`: for its configuration. Resolves when it listens. */
  static async start(site: NatSite, file: string, protocols: MapperProtocols): Promise<PortMapper> {
    await site.router.run('nft', TABLES)
    const isPcp = protocols === 'pcp-and-nat-pmp'
    const options = {
      ext_ifname: 'wan',
      listening_ip: 'lan',
      enable_natpmp: isPcp ? 'yes' : 'no',
      enable_upnp: isPcp ? 'no' : 'yes',
      secure_mode: 'yes',
      ipv6_disable: 'yes',
      uuid: '00000000-0000-4000-8000-000000000001',
      upnp_table_name: TABLE,
      upnp_nat_table_name: TABLE,
    }
    const lines = Object.entries(options).map(([name, value]) => `${name}=${value}`)
    writeFileSync(file, `${lines.join('\n')}\nallow 1024-65535 0.0.0.0/0 1024-65535\n`)
    const mapper = new PortMapper(site, file)
    await mapper.#listens()
    return mapper
  }

  private constructor(site: NatSite, file: string) {
    this.#site = site
    this.#file = file
    this.#child = this.#spawn()
  }

  /** The power of the router fails for a moment: it has forgotten what it mapped. */
  async restart(): Promise<void> {
    const over = once(this.#child, 'close')
    this.#child.kill('SIGKILL')
    await over
    await this.#site.router.run('nft', 'delete', 'table', 'inet', TABLE)
    await this.#site.router.run('nft', TABLES)
    this.log.length = 0
    this.#child = this.#spawn()
    await this.#listens()
  }

  #spawn(): NamespaceChild {
    const child = this.#site.router.spawn('/usr/sbin/miniupnpd', ['-d', '-f', this.#file, '-P', `${this.#file}.pid`])
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => this.log.push(line))
    }
    return child
  }

  async #listens(): Promise<void> {
    await until('miniupnpd listens', async () => this.log.some((line) => /listening (on|for) /i.test(line)))
  }

  /** Its rules, one a port outside. */
  async mappings(): Promise<string[]> {
    const shown = await this.#site.router.run('nft', 'list', 'chain', 'inet', TABLE, 'prerouting_miniupnpd')
    return shown.split('\n').filter((line) => line.includes('dnat'))
  }
}
