/**
 * The agent's link layer over TCP: `LinkLayer` over libp2p.
 *
 * A link is one stream (`StreamLinks`). The ring decides which nodes are linked and which of two links to one peer stays. libp2p
 * is loaded at the first connection, in or out: a node whose links all run over UDP never pays for it.
 */

import { setMaxListeners } from 'node:events'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { type Clock, SystemClock } from '../../core/clock.ts'
import { unlessAborted } from '../../core/deadline.ts'
import { messageOf } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { SystemRandom } from '../../core/random.ts'
import type { Address } from '../../overlay/address.ts'
import type { Contact, Link, LinkLayer } from '../../overlay/link.ts'
import { Arrivals } from '../arrivals.ts'
import { DialRules } from '../dial-rules.ts'
import { endpointsOn, orderEndpoints, parseEndpoint, parseListen, readEndpoint } from '../endpoints.ts'
import { LinkError, noLinkTo } from '../errors.ts'
import { HiddenNetworks } from '../hidden-networks.ts'
import type { Identity } from '../identity.ts'
import { type LinkCounters, noLinkCounts } from '../link-counters.ts'
import { MachineAddresses } from '../machine-addresses.ts'
import { TwinProof } from '../twin-proof.ts'
import { type LanDiscovery, startLanDiscovery } from './lan-discovery.ts'
import type { LinkDialer } from './link-dialer.ts'
import { RingGate } from './ring-gate.ts'
import type { StreamLinks } from './stream-links.ts'
import { TcpPort } from './tcp-port.ts'

export interface Libp2pLinksOptions {
  readonly identity: Identity
  /** Where to listen, such as `/ip4/0.0.0.0/tcp/4001`; empty for a node that only dials. */
  readonly listen: readonly string[]
  /** Where others reach this node besides the addresses it listens on (a public address with port forwarding). */
  readonly announce: readonly string[]
  /** Whether to find nodes on the LAN, and to be found. */
  readonly mdns: boolean
  /** The key of a ring of its own; undefined: a shared ring, which anybody may join. */
  readonly ringKey?: Uint8Array | undefined
  readonly log: Log
  readonly clock?: Clock
  /** Network interfaces whose addresses others must not learn: the overlay's own taps. */
  readonly hiddenInterfaces?: readonly string[]
}

const loadLibp2p = () => import('./stream-links.ts')

/**
 * Listens.
 * @param load for tests, which look whether it is called
 * @throws InputError when an address in `listen` or `announce` is malformed, or cannot be listened on
 */
export async function createLibp2pLinks(options: Libp2pLinksOptions, load = loadLibp2p): Promise<Libp2pLinks> {
  const listen = options.listen.map((text) => parseListen(text, 'listen'))
  const announce = options.announce.map((text) => parseListen(text, 'announce').toString())
  const links = new Libp2pLinks({ clock: new SystemClock(), ...options, announce }, load)
  try {
    await links.start(listen)
  } catch (error) {
    await links.stop()
    throw error
  }
  return links
}

export class Libp2pLinks implements LinkLayer {
  readonly self: Address
  readonly peerId: string
  readonly rules: DialRules

  readonly #options: Libp2pLinksOptions & { readonly clock: Clock }
  readonly #twin: TwinProof
  readonly #machine: MachineAddresses
  readonly #ports: TcpPort[] = []
  #mapped: readonly Multiaddr[] = []
  readonly #counters = noLinkCounts()
  readonly #arrivals = new Arrivals(this.#counters)
  /** Ends every dial when the node stops. */
  readonly #stopping = new AbortController()
  readonly #loadLibp2p: typeof loadLibp2p
  #loading: Promise<StreamLinks> | undefined
  #streams: StreamLinks | undefined
  #stopped: Promise<void> | undefined
  #discoveredHandler: ((endpoint: string) => void) | undefined
  #endpointsHandler: () => void = () => {}
  #lan: Promise<LanDiscovery | undefined> | undefined

  /** Use `createLibp2pLinks`. */
  constructor(options: Libp2pLinksOptions & { readonly clock: Clock }, load: typeof loadLibp2p) {
    this.#loadLibp2p = load
    const { identity, clock, hiddenInterfaces = [] } = options
    this.self = identity.address
    this.peerId = identity.peerId
    this.#options = options
    // One for each dial under way.
    setMaxListeners(0, this.#stopping.signal)
    this.#twin = new TwinProof(identity)
    const hidden = new HiddenNetworks(hiddenInterfaces, () => clock.now())
    this.#machine = new MachineAddresses(hiddenInterfaces, clock)
    this.rules = new DialRules({ hidden, listening: () => this.#reached().map(String), clock })
  }

  set onLink(handler: (link: Link) => void) {
    this.#arrivals.onLink = handler
  }

  set onEndpoints(handler: () => void) {
    this.#endpointsHandler = handler
  }

  /** TCP opens no NAT for another node's dial. */
  isGuarded(): boolean {
    return false
  }

  /** Relayed links run over connections, which stay without links. */
  needs(): boolean {
    return false
  }

  set onDiscovered(handler: (endpoint: string) => void) {
    this.#discoveredHandler = handler
  }

  /** Called once, by `createLibp2pLinks`. @throws InputError when an address cannot be listened on */
  async start(listen: readonly Multiaddr[]): Promise<void> {
    const { ringKey, clock, log, mdns } = this.#options
    const gate = ringKey && new RingGate({ ringKey, clock, random: new SystemRandom() })
    for (const address of listen) {
      const port = await TcpPort.open(address, { gate, onWaiting: () => void this.#load().catch(() => {}), log })
      if (port !== undefined) this.#ports.push(port)
    }
    if (mdns) this.#lan = this.#discoverLan()
  }

  /** The addresses to listen on as they were given, with the ports that they got in the place of 0. */
  get listening(): readonly Multiaddr[] {
    return this.#ports.map(({ address }) => address)
  }

  /** Where a router lets others in to this node; undefined: nowhere. */
  set mapped(address: Multiaddr | undefined) {
    this.#mapped = address === undefined ? [] : [address]
    this.#endpointsHandler()
  }

  endpoints(): string[] {
    const relayed = this.#streams?.endpoints() ?? []
    return orderEndpoints([...this.#options.announce], [...this.#mapped, ...this.#reached()], relayed, this.peerId)
  }

  counters(): Readonly<LinkCounters> {
    return { ...this.#counters }
  }

  prove(nonce: Uint8Array): Uint8Array {
    return this.#twin.prove(nonce)
  }

  isOwnProof(nonce: Uint8Array, proof: Uint8Array): boolean {
    return this.#twin.isOwn(nonce, proof)
  }

  /** @throws LinkError */
  async dial(contact: Contact, signal?: AbortSignal): Promise<Link> {
    const dialer = await this.#dialerFor(contact, signal)
    return await dialer.dial(contact, signal)
  }

  isImprovable({ relayed }: Link): boolean {
    return relayed
  }

  /** @throws LinkError */
  async dialBetter(contact: Contact, _standing: Link, signal?: AbortSignal): Promise<Link> {
    const dialer = await this.#dialerFor(contact, signal)
    return await dialer.dialDirect(contact, signal)
  }

  /** @throws LinkError, or InputError when `endpoint` is malformed */
  async dialEndpoint(endpoint: string, signal?: AbortSignal): Promise<Link> {
    parseEndpoint(endpoint)
    const { dialer } = await this.#load(signal)
    return await dialer.dialEndpoint(endpoint, signal)
  }

  /** @throws LinkError */
  async dialThrough(relay: Address, contact: Contact, signal?: AbortSignal): Promise<Link> {
    if (this.#streams === undefined) throw noLinkTo(relay)
    return await this.#streams.dialer.dialThrough(relay, contact, signal)
  }

  /** Closes everything; frames sent before reach peers that still answer. Takes about 1.5 `STOP_LIMIT_MS` at most. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    this.#stopping.abort(STOPPING)
    for (const port of this.#ports) port.close()
    await (await this.#lan)?.stop()
    await this.#streams?.stop()
  }

  /** What dials the contact. libp2p is not loaded for one that has no endpoint over TCP. @throws LinkError */
  async #dialerFor(contact: Contact, signal: AbortSignal | undefined): Promise<LinkDialer> {
    if (this.#streams === undefined && endpointsOn('tcp', contact).length === 0) {
      throw new LinkError('unreachable', 'The node has no endpoint over TCP.')
    }
    const { dialer } = await this.#load(signal)
    return dialer
  }

  /** @throws LinkError when libp2p cannot be started, or the node is stopping; the reason of `signal` */
  async #load(signal?: AbortSignal): Promise<StreamLinks> {
    if (this.#stopped !== undefined) throw STOPPING
    if (this.#streams !== undefined) return this.#streams
    this.#loading ??= this.#loadNow()
    // Whoever still waits is told.
    this.#loading.catch(() => {})
    const signals = [this.#stopping.signal, ...(signal === undefined ? [] : [signal])]
    return await unlessAborted(this.#loading, AbortSignal.any(signals))
  }

  async #loadNow(): Promise<StreamLinks> {
    try {
      const streams = await this.#startStreams()
      // The node has been stopped meanwhile.
      if (this.#stopped !== undefined) await streams.stop()
      else this.#streams = streams
      return streams
    } catch (error) {
      // What waits may come again, and then it is tried again.
      this.#loading = undefined
      for (const port of this.#ports) port.hangUp()
      const reason = messageOf(error)
      if (this.#stopped === undefined) this.#options.log.error('libp2p cannot be started: no link over TCP', { reason })
      throw new LinkError('unreachable', `libp2p cannot be started: ${reason}`, { cause: error })
    }
  }

  async #startStreams(): Promise<StreamLinks> {
    const { startStreamLinks } = await this.#loadLibp2p()
    const { identity, ringKey, clock, log } = this.#options
    return await startStreamLinks({
      identity,
      ringKey,
      ports: this.#ports,
      rules: this.rules,
      arrivals: this.#arrivals,
      counters: this.#counters,
      changed: () => this.#endpointsHandler(),
      stopping: this.#stopping.signal,
      clock,
      log,
    })
  }

  /** The open ports at each of the machine's addresses at which they are reached. */
  #reached(): Multiaddr[] {
    return this.listening.flatMap((address) => {
      const [host, port] = address.getComponents()
      const ips = this.#machine.reachedBy(host?.value ?? '')
      return ips.map((ip) => multiaddr(`/${host?.name}/${ip}/tcp/${port?.value}`))
    })
  }

  async #discoverLan(): Promise<LanDiscovery | undefined> {
    const { log, ringKey } = this.#options
    try {
      return await startLanDiscovery({
        endpoints: () => this.endpoints(),
        onFound: (endpoint) => void this.#onDiscovered(endpoint),
        ringKey,
        log,
      })
    } catch (error) {
      log.warn('nodes on the LAN cannot be looked for', { reason: messageOf(error) })
      return undefined
    }
  }

  /** Anybody on the LAN can say that there is a node somewhere. */
  async #onDiscovered(text: string): Promise<void> {
    const endpoint = readEndpoint(text)
    const [found] = endpoint === undefined ? [] : await this.rules.select([endpoint])
    if (found !== undefined) this.#discoveredHandler?.(found.text)
  }
}

const STOPPING = new LinkError('stopped', 'The node is stopping.')
