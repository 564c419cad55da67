/**
 * A small Internet on this machine: an underlay, and hosts that each have their own agent and DHCP client.
 *
 * Everything is in network namespaces and in one folder for this run. `close` removes it all; so does the end of the
 * process (see `cleanup.ts`).
 */

import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { WowError } from '../agent/core/errors.ts'
import { AgentProcess } from './agent-process.ts'
import { ownFolder } from './cleanup.ts'
import { type ClientKind, DhcpClient } from './dhcp-client.ts'
import { type Attachment, Internet } from './internet.ts'
import { LabMachine } from './machine.ts'
import { type NatKind, NatSite } from './nat-site.ts'
import { NetworkNamespace, type Place } from './network-namespace.ts'
import { type MapperProtocols, PortMapper } from './port-mapper.ts'

/** The bootstrap node's TCP port. */
const BOOTSTRAP_PORT = 4001

/** Why there can be no lab here; false when there can. For `describe(…, { skip: labMissing() })`. */
export function labMissing(): string | false {
  if (process.getuid?.() !== 0) return 'needs root for network namespaces'
  if (!existsSync('/dev/net/tun')) return 'needs /dev/net/tun'
  return false
}

/** @throws WowError when there can be no lab here. `what` needs the lab; `make TARGET` runs it. */
export function needLab(what: string, target: string): void {
  const missing = labMissing()
  if (missing !== false) throw new WowError('LAB_MISSING', `${what} ${missing}.`, `Run it as root: sudo make ${target}`)
}

export interface Bootstrap {
  readonly agent: AgentProcess
  /** The node's multiaddr, without a peer id. */
  readonly endpoint: string
}

export interface NamespaceMade {
  readonly id: string
  readonly name: string
  readonly pool: string
  readonly lease: string
  readonly token: string
}

export interface HostOptions {
  readonly token: string
  readonly bootstrap?: readonly string[]
  /** The NAT to put the host behind; undefined: the host gets an address of the underlay. */
  readonly site?: NatSite
  readonly client?: ClientKind
  readonly mdns?: boolean
  /** MTU of the link to the underlay, bytes. */
  readonly mtu?: number
  /** The underlay knows IPv6 only. */
  readonly ip6?: boolean
  /** See `AgentOptions`. */
  readonly condor?: string
}

interface HostParts {
  readonly netns: Place
  readonly uplink: Attachment
  readonly folder: string
  readonly options: HostOptions
}

/** A machine; the caller starts its agent and its client. */
export class Host {
  readonly name: string
  readonly netns: Place
  readonly uplink: Attachment
  readonly client: DhcpClient
  readonly #options: HostOptions
  readonly #folder: string
  #agent: AgentProcess | undefined

  constructor(parts: HostParts) {
    this.netns = parts.netns
    this.name = parts.netns.label
    this.uplink = parts.uplink
    this.#folder = parts.folder
    this.#options = parts.options
    this.client = new DhcpClient(this.netns, join(this.#folder, 'client'), { kind: parts.options.client })
  }

  get agent(): AgentProcess {
    if (this.#agent === undefined) throw new Error(`${this.name} has no agent yet`)
    return this.#agent
  }

  /** Starts the agent; the caller awaits the phases. */
  startAgent(): AgentProcess {
    const { token, bootstrap = [], mdns = false, condor } = this.#options
    const state = join(this.#folder, 'state')
    this.#agent = new AgentProcess({ netns: this.netns, state, token, bootstrap, mdns, condor })
    return this.#agent
  }

  /** Starts the agent, then the client as soon as the tap is up, as a booting machine does; returns the virtual IP. */
  async join(): Promise<string> {
    await this.startAgent().phase('tap')
    this.client.launch()
    return await this.client.bound()
  }

  /** Round trip to a virtual IP, ms; null without an answer within `seconds`. The first packet finds the way. */
  async ping(ip: string, seconds = 10): Promise<number | null> {
    const argv = ['-n', '-i', '0.2', '-c', '2', '-w', String(seconds), ip]
    // ping fails when too few answers come, but those that came still count.
    const shown = await this.netns.run('ping', ...argv).catch((error: { stdout?: string }) => error.stdout ?? '')
    const last = [...shown.matchAll(/time=([\d.]+) ms/g)].at(-1)?.[1]
    return last === undefined ? null : Number(last)
  }
}

/** A host with a file system of its own, in which HTCondor is installed. */
export class MachineHost extends Host {
  readonly machine: LabMachine

  constructor(parts: Omit<HostParts, 'netns'> & { readonly machine: LabMachine }) {
    super({ ...parts, netns: parts.machine })
    this.machine = parts.machine
  }
}

export class Lab {
  readonly internet: Internet
  /** For this run's files. */
  readonly folder: string
  readonly #namespaces: NetworkNamespace[] = []

  /** `network`: see `Internet.create`. */
  static async open(network?: string): Promise<Lab> {
    return new Lab(await Internet.create(network), ownFolder('lab'))
  }

  private constructor(internet: Internet, folder: string) {
    this.internet = internet
    this.folder = folder
  }

  /**
   * A plain overlay node at an address that other nodes can be given; it listens when this resolves.
   * @param ringKey of a namespace's own ring; undefined: it is of a shared one
   * @param ip6 the underlay knows IPv6 only
   */
  async bootstrap(label = 'bootstrap', ringKey?: string, ip6 = false): Promise<Bootstrap> {
    const netns = await this.netns(label)
    const { ip } = await this.internet.attach(netns, { ip6 })
    const endpoint = `/${ip6 ? 'ip6' : 'ip4'}/${ip}/tcp/${BOOTSTRAP_PORT}`
    const agent = new AgentProcess({ netns, state: this.file(`${label}.state`), listen: endpoint, ringKey })
    await agent.phase('listening')
    return { agent, endpoint }
  }

  async host(label: string, options: HostOptions): Promise<Host> {
    const { netns, ...rest } = await this.#place(label, options)
    return new Host({ netns, ...rest, options })
  }

  /** A host that is a whole machine, on the root file system at `root` (see `machine-root.ts`). */
  async machine(label: string, root: string, options: HostOptions): Promise<MachineHost> {
    const { netns, ...rest } = await this.#place(label, options)
    const machine = await LabMachine.boot({ netns, root, shared: this.folder, scratch: `${rest.folder}/disk` })
    return new MachineHost({ machine, ...rest, options })
  }

  async #place(label: string, { site, mtu = 1500, ip6 = false }: HostOptions) {
    const netns = await this.netns(label)
    const uplink = await (site?.attach(netns, { mtu }) ?? this.internet.attach(netns, { mtu, ip6 }))
    const folder = this.file(label)
    mkdirSync(folder, { mode: 0o700 })
    return { netns, uplink, folder }
  }

  /** `wow namespace create`, run in the bootstrap node's namespace, so that this machine's routes do not matter. */
  async createNamespace(bootstrap: Bootstrap, wishes: Readonly<Record<string, string>>): Promise<NamespaceMade> {
    return await this.#create(bootstrap.agent.options.netns, { bootstrap: bootstrap.endpoint, ...wishes })
  }

  /** The same without any node: the namespace's members publish it. */
  async drawNamespace(wishes: Readonly<Record<string, string>>): Promise<NamespaceMade> {
    return await this.#create(this.internet.namespace, wishes)
  }

  /** The key of a namespace's own ring. */
  async ringKey({ id }: NamespaceMade): Promise<string> {
    const { ringKey } = await this.#namespace(this.internet.namespace, ['ring-key', id])
    return ringKey as string
  }

  async #create(netns: Place, wishes: Readonly<Record<string, string>>): Promise<NamespaceMade> {
    const options = Object.entries(wishes).flatMap(([option, value]) => [`--${option}`, value])
    return await this.#namespace(netns, ['create', ...options])
  }

  async #namespace(netns: Place, args: readonly string[]) {
    const [program, ...first] = netns.wow
    const home = `WOW_HOME=${this.file('home')}`
    return JSON.parse(await netns.run('env', home, program, ...first, 'namespace', ...args, '--json'))
  }

  /** A NAT with its router; `HostOptions.site` puts hosts behind it. `behind`: another site; else it is on the underlay. */
  async natSite(label: string, kind: NatKind, behind?: NatSite): Promise<NatSite> {
    return await NatSite.create(behind ?? this.internet, await this.netns(label), kind)
  }

  async netns(label: string): Promise<NetworkNamespace> {
    const netns = await NetworkNamespace.create(label)
    this.#namespaces.push(netns)
    return netns
  }

  /** Has a site's router map ports for the hosts behind it. */
  async portMapper(site: NatSite, protocols: MapperProtocols): Promise<PortMapper> {
    return await PortMapper.start(site, this.file(`${site.router.label}.miniupnpd`), protocols)
  }

  /** A path in this run's folder. */
  file(name: string): string {
    return join(this.folder, name)
  }

  close(): void {
    for (const netns of this.#namespaces) netns.remove()
    this.internet.namespace.remove()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
