/** A site where an appliance's copies meet: machines on one LAN with a DHCP server, in a network namespace. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { bridge } from '../../lab/internet.ts'
import { NetworkNamespace } from '../../lab/network-namespace.ts'
import { type BootOptions, Machine } from '../../lab/qemu.ts'
import { COMMAND_MS, consoleLog, type TestAppliance } from './appliance.ts'

const LAN = 'lan'
/** The machines' gateway, DHCP server, and the host of the bootstrap agent. */
const GATEWAY = '192.168.1.1'
const DHCP_RANGE = '192.168.1.100,192.168.1.199'
export const BOOTSTRAP = `/ip4/${GATEWAY}/tcp/4001`

/** Why there can be no site here; false when there can. */
export const siteMissing = process.getuid?.() === 0 ? false : 'needs root for network namespaces'
/** Debian packages that a site runs. */
export const SITE_PACKAGES = ['dnsmasq-base', 'iproute2', 'qemu-system-x86', 'util-linux']

type SiteBoot = Pick<BootOptions, 'image' | 'accelerator' | 'firmware' | 'memoryMiB' | 'uuid' | 'mac' | 'writes'>

export class Site {
  /** Every machine that was booted here, in order. */
  readonly machines: Machine[] = []
  readonly #namespace: NetworkNamespace

  static async create(): Promise<Site> {
    const namespace = await NetworkNamespace.create('site')
    await bridge(namespace, LAN, `${GATEWAY}/24`)
    const server = ['--no-daemon', '--conf-file=/dev/null', '--pid-file', '--leasefile-ro', '--port=0']
    namespace.spawn('dnsmasq', [...server, `--interface=${LAN}`, `--dhcp-range=${DHCP_RANGE}`]).stderr.resume()
    return new Site(namespace)
  }

  private constructor(namespace: NetworkNamespace) {
    this.#namespace = namespace
  }

  /** Starts a plain node of the appliance's ring at BOOTSTRAP. */
  startBootstrap({ scratch, ringKey }: TestAppliance): void {
    const [wow, ...first] = this.#namespace.wow
    const up = [
      'up',
      '--no-mdns',
      '--no-port-mapping',
      '--state',
      join(scratch, 'bootstrap'),
      '--listen',
      BOOTSTRAP,
      '--ring-key',
      ringKey,
    ]
    const agent = this.#namespace.spawn(wow, [...first, ...up])
    agent.stdout.resume()
    agent.stderr.resume()
  }

  /** Boots a machine on the LAN. `console`: the name of its log. */
  async boot(console: string, options: SiteBoot): Promise<Machine> {
    const count = this.machines.length + 1
    const tap = `port${count}`
    await this.#namespace.ip('tuntap', 'add', 'dev', tap, 'mode', 'tap')
    await this.#namespace.ip('link', 'set', tap, 'master', LAN, 'up')
    const mac = `52:54:00:00:00:${count.toString(16).padStart(2, '0')}`
    const port = { netns: this.#namespace.name, tap }
    const machine = Machine.boot({ mac, ...options, port, log: consoleLog(console) })
    this.machines.push(machine)
    return machine
  }

  async close(): Promise<void> {
    for (const machine of this.machines) await machine.stop()
    this.#namespace.remove()
  }
}

/** Runs a command that must succeed in the shell on a machine's console; returns its output. */
export async function answers(machine: Machine, command: string): Promise<string> {
  const { output, exitCode } = await machine.run(command, COMMAND_MS)
  assert.equal(exitCode, 0, `${command}: ${output}`)
  return output
}
