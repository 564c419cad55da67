/**
 * A small Internet of network namespaces: a public segment, and private LANs behind NAT routers.
 *
 * Needs root, `ip` and `nft`. All names contain this process's id, and `remove` removes everything.
 */

import { spawnSync } from 'node:child_process'

const NAT = `
table ip nat {
  chain out { type nat hook postrouting priority 100; oifname "wan" masquerade; }
}
table ip filter {
  chain through {
    type filter hook forward priority 0; policy drop;
    iifname "lan" accept
    ct state established,related accept
  }
  chain inward {
    type filter hook input priority 0; policy drop;
    iifname "lo" accept
    iifname "lan" accept
    ct state established,related accept
  }
}`

export class Internet {
  readonly #made: string[] = []
  readonly #core: string
  #ports = 0

  constructor() {
    this.#core = this.#namespace('core')
    this.#run(['ip', '-n', this.#core, 'link', 'add', 'br0', 'type', 'bridge'])
    this.#run(['ip', '-n', this.#core, 'link', 'set', 'br0', 'up'])
  }

  /** Why such networks cannot be made here; undefined when they can. */
  static unavailable(): string | undefined {
    if (process.getuid?.() !== 0) return 'needs root'
    const missing = ['ip', 'nft'].filter((tool) => spawnSync(tool, ['-V']).error !== undefined)
    return missing.length > 0 ? `needs ${missing.join(' and ')}` : undefined
  }

  /** The command prefix that runs a program on a host. */
  static on(host: string): string[] {
    return ['ip', 'netns', 'exec', host]
  }

  /** A host on the public segment. */
  host(name: string, ip: string): string {
    const host = this.#namespace(name)
    this.#plug(host, 'wan', this.#core, ip)
    return host
  }

  /** A NAT router with a LAN of the given hosts behind it; connections into the LAN are refused. */
  lan(name: string, wanIp: string, lanPrefix: string, hosts: readonly string[]): string[] {
    const router = this.host(`${name}-nat`, wanIp)
    this.#run(['ip', '-n', router, 'link', 'add', 'lan', 'type', 'bridge'])
    this.#run(['ip', '-n', router, 'link', 'set', 'lan', 'up'])
    this.#run(['ip', '-n', router, 'addr', 'add', `${lanPrefix}.1/24`, 'dev', 'lan'])
    this.#run([...Internet.on(router), 'sysctl', '-qw', 'net.ipv4.ip_forward=1'])
    this.#run([...Internet.on(router), 'nft', '-f', '-'], NAT)
    return hosts.map((hostName, i) => {
      const host = this.#namespace(hostName)
      this.#plug(host, 'eth0', router, `${lanPrefix}.${i + 2}`, 'lan')
      this.#run(['ip', '-n', host, 'route', 'add', 'default', 'via', `${lanPrefix}.1`])
      return host
    })
  }

  remove(): void {
    for (const name of this.#made.splice(0)) spawnSync('ip', ['netns', 'del', name])
  }

  #namespace(name: string): string {
    const full = `wowtr${process.pid}-${name}`
    this.#run(['ip', 'netns', 'add', full])
    this.#made.push(full)
    this.#run(['ip', '-n', full, 'link', 'set', 'lo', 'up'])
    return full
  }

  /** Connects `host` to the bridge of `segment` with a cable. */
  #plug(host: string, device: string, segment: string, ip: string, bridge = 'br0'): void {
    const port = `p${this.#ports++}`
    this.#run(['ip', 'link', 'add', device, 'netns', host, 'type', 'veth', 'peer', 'name', port, 'netns', segment])
    this.#run(['ip', '-n', segment, 'link', 'set', port, 'master', bridge, 'up'])
    this.#run(['ip', '-n', host, 'addr', 'add', `${ip}/24`, 'dev', device])
    this.#run(['ip', '-n', host, 'link', 'set', device, 'up'])
  }

  #run(command: readonly string[], input?: string): void {
    const { status, stderr } = spawnSync(command[0] ?? '', command.slice(1), { encoding: 'utf8', input })
    if (status === 0) return
    this.remove()
    throw new Error(`${command.join(' ')}: ${stderr}`)
  }
}
