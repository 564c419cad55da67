/**
 * A small Internet on this machine: an underlay, and hosts that each have an agent and a DHCP client of their own.
 *
 * Everything is in network namespaces and in one folder of this run; `close`, or the end of the process in whatever way,
 * removes it all.
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

/** Where the bootstrap node listens. */
const BOOTSTRAP_PORT = 4001

/** Why there can be no lab here; false when there can. For `describe(…, { skip: labMissing() })`. */
export function labMissing(): string | false {
  if (process.getuid?.() !== 0) return 'needs root for network namespaces'
  if (!existsSync('/dev/net/tun')) return 'needs /dev/net/tun'
  return false
}

/** @throws WowError when there can be no lab here. `what` needs it, and `target` of make is how it is asked for. */
export function needLab(what: string, target: string): void {
  const missing = labMissing()
  if (missing !== false) throw new WowError('LAB_MISSING', `${what} ${missing}.`, `Run it as root: sudo make ${target}`)
}

export interface Bootstrap {
  readonly agent: AgentProcess
  /** Its multiaddr, without a peer id. */
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
  /** Undefined: an address of the underlay. */
  readonly site?: NatSite
  readonly client?: ClientKind
  readonly mdns?: boolean
  /** Of the link to the underlay, bytes. */
  readonly mtu?: number
  /** See `AgentOptions`. */
  readonly condor?: string
}

interface HostParts {
  readonly netns: Place
  readonly uplink: Attachment
  readonly folder: string
  readonly options: HostOptions
}

/** A machine: the agent and the client are started by whoever uses it. */
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

  /** Starts the agent; later phases are for the caller to await. */
  startAgent(): AgentProcess {
    const { token, bootstrap = [], mdns = false, condor } = this.#options
    const state = join(this.#folder, 'state')
    this.#agent = new AgentProcess({ netns: this.netns, state, token, bootstrap, mdns, condor })
    return this.#agent
  }

  /** Starts agent and client as a booting machine does: the client as soon as the tap stands. Its virtual IP. */
  async join(): Promise<string> {
    await this.startAgent().phase('tap')
    this.client.launch()
    return await this.client.bound()
  }

  /** Round trip to a virtual IP in ms, or null when no answer came within `seconds`; the first packet finds the way. */
  async ping(ip: string, seconds = 10): Promise<number | null> {
    const argv = ['-n', '-i', '0.2', '-c', '2', '-w', String(seconds), ip]
    // With too few answers it fails, but what it heard still counts.
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
  /** For files of this run. */
  readonly folder: string
  readonly #namespaces: NetworkNamespace[] = []

  static async open(): Promise<Lab> {
    return new Lab(await Internet.create(), ownFolder('lab'))
  }

  private constructor(internet: Internet, folder: string) {
    this.internet = internet
    this.folder = folder
  }

  /** A plain overlay node with an address that others can be told; it listens when this resolves. */
  async bootstrap(label = 'bootstrap'): Promise<Bootstrap> {
    const netns = await this.netns(label)
    const { ip } = await this.internet.attach(netns)
    const endpoint = `/ip4/${ip}/tcp/${BOOTSTRAP_PORT}`
    const agent = new AgentProcess({ netns, state: this.file(`${label}.state`), listen: endpoint })
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

  async #place(label: string, { site, mtu }: HostOptions) {
    const netns = await this.netns(label)
    const uplink = await (site ?? this.internet).attach(netns, mtu === undefined ? {} : { mtu })
    const folder = this.file(label)
    mkdirSync(folder, { mode: 0o700 })
    return { netns, uplink, folder }
  }

  /** `wow namespace create`, run beside the bootstrap node so that the routes of this machine do not matter. */
  async createNamespace(bootstrap: Bootstrap, wishes: Readonly<Record<string, string>>): Promise<NamespaceMade> {
    return await this.#create(bootstrap.agent.options.netns, { bootstrap: bootstrap.endpoint, ...wishes })
  }

  /** The same without any node: its members publish it. */
  async drawNamespace(wishes: Readonly<Record<string, string>>): Promise<NamespaceMade> {
    return await this.#create(this.internet.namespace, wishes)
  }

  async #create(netns: Place, wishes: Readonly<Record<string, string>>): Promise<NamespaceMade> {
    const [program, ...first] = netns.wow
    const options = Object.entries(wishes).flatMap(([option, value]) => [`--${option}`, value])
    const home = `WOW_HOME=${this.file('home')}`
    return JSON.parse(
      await netns.run('env', home, program, ...first, 'namespace', 'create', ...options, '--json'),
    ) as NamespaceMade
  }

  /** A NAT with its router; hosts are put behind it with `HostOptions.site`. */
  async natSite(label: string, kind: NatKind): Promise<NatSite> {
    return await NatSite.create(this.internet, await this.netns(label), kind)
  }

  async netns(label: string): Promise<NetworkNamespace> {
    const netns = await NetworkNamespace.create(label)
    this.#namespaces.push(netns)
    return netns
  }

  /** A path in the folder of this run. */
  file(name: string): string {
    return join(this.folder, name)
  }

  close(): void {
    for (const netns of this.#namespaces) netns.remove()
    this.internet.namespace.remove()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
