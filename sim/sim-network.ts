/**
 * A network in one process: `LinkLayer`s whose frames travel in virtual time, with delay, loss, crashes, pauses, NATs
 * and pairs that cannot talk.
 */

import { equal, sha256 } from '../agent/core/bytes.ts'
import type { Clock } from '../agent/core/clock.ts'
import { withDeadline } from '../agent/core/deadline.ts'
import type { Random } from '../agent/core/random.ts'
import { ADDRESS_BYTES, type Address, addressBytes, addressFromBytes, formatAddress } from '../agent/overlay/address.ts'
import type { Contact, Link, LinkLayer } from '../agent/overlay/link.ts'
import { Bursts } from './bursts.ts'
import { FrameDigest } from './frame-digest.ts'
import { type NatKind, PINHOLE_MS } from './nat.ts'
import type { RingNetwork } from './ring-network.ts'
import type { SeededRandom } from './seeded-random.ts'
import { endpointOf, type LinkOwner, type Medium, SimLink, type Weather } from './sim-link.ts'

/** A good line between two cities. */
export const CALM: Readonly<Weather> = {
  minDelayMs: 5,
  maxDelayMs: 40,
  loss: 0,
  duplicate: 0,
  reorder: 0,
  bursts: undefined,
}

export class SimNetwork implements Medium, RingNetwork {
  readonly clock: Clock
  readonly weather: Weather = { ...CALM }
  readonly #random: SeededRandom
  readonly #digest = new FrameDigest()
  readonly #hosts = new Map<Address, SimLinks>()
  /** Relayed links, by the node that relays them. */
  readonly #carried = new Map<Address, Set<SimLink>>()
  /** Whether two nodes can talk; by default all can. */
  canTalk: (a: Address, b: Address) => boolean = () => true
  shortcut: ((frame: Uint8Array) => Uint8Array | undefined) | undefined
  frames = 0
  bytes = 0

  constructor(clock: Clock, random: SeededRandom) {
    this.clock = clock
    this.#random = random
  }

  newAddress(random: Random): Address {
    return addressFromBytes(random.bytes(ADDRESS_BYTES))
  }

  host(address: Address, { nat }: { nat: NatKind } = { nat: 'open' }): SimLinks {
    const links = new SimLinks(this, address, nat)
    this.#hosts.set(address, links)
    return links
  }

  endpointsOf(address: Address): string[] {
    return [endpointOf(address)]
  }

  hold(address: Address): void {
    this.#hosts.get(address)?.hold()
  }

  resume(address: Address): void {
    this.#hosts.get(address)?.resume()
  }

  find(address: Address): SimLinks | undefined {
    const host = this.#hosts.get(address)
    return host?.up === true ? host : undefined
  }

  carry(relay: Address, link: SimLink): void {
    const links = this.#carried.get(relay) ?? new Set()
    this.#carried.set(relay, links.add(link))
  }

  /** A relay stopped: closes the links that it carried. */
  dropCarried(relay: Address): void {
    for (const link of this.#carried.get(relay) ?? []) link.close()
    this.#carried.delete(relay)
  }

  /** The NAT before a node forgets what it lets through: links go dead, those that the node carries too. */
  rebind(address: Address): void {
    this.#hosts.get(address)?.rebind()
    for (const link of this.#carried.get(address) ?? []) link.deaden()
  }

  /** Power cut: no peer is told, frames to the host vanish, and its own code neither receives nor sends. */
  powerOff(address: Address): void {
    const host = this.#hosts.get(address)
    host?.cut()
    this.#hosts.delete(address)
  }

  /** kill -9: the operating system closes every link at once. */
  kill(address: Address): void {
    const host = this.#hosts.get(address)
    if (host === undefined) return
    for (const link of [...host.open]) link.close()
    this.dropCarried(address)
    this.powerOff(address)
  }

  /** Counts a frame that is sent, even if it is lost. */
  count(link: SimLink, frame: Uint8Array): void {
    this.frames++
    this.bytes += frame.length
    this.#digest.add(this.clock.now(), link.peer, frame)
  }

  /** SHA-256 over the time, receiver and bytes of every frame so far, in hex: the same for the same behaviour. */
  framesDigest(): string {
    return this.#digest.hex()
  }

  delay(): number {
    const { minDelayMs, maxDelayMs } = this.weather
    return minDelayMs + (maxDelayMs - minDelayMs) * this.#random.float()
  }

  bursts(): Bursts {
    return new Bursts(this.#random)
  }

  /** Draws whether an event of this probability happens. */
  strikes(share: number): boolean {
    return share > 0 && this.#random.float() < share
  }
}

/** A dial waits this long for an endpoint, then tries the next, ms: longer than a round trip in bad weather. */
const NEXT_ENDPOINT_MS = 1_300

export class SimLinks implements LinkLayer, LinkOwner {
  readonly self: Address
  readonly open = new Set<SimLink>()
  readonly #network: SimNetwork
  /** When this node last dialled each peer. */
  readonly #dialled = new Map<Address, number>()
  up = true
  readonly nat: NatKind
  /** What arrives while the node is held, as in the kernel's buffers. */
  #waiting: (() => void)[] | undefined
  onLink: (link: Link) => void = () => {}
  onDiscovered: (endpoint: string) => void = () => {}
  onEndpoints: () => void = () => {}

  constructor(network: SimNetwork, self: Address, nat: NatKind) {
    this.nat = nat
    this.#network = network
    this.self = self
  }

  endpoints(): string[] {
    if (this.nat === 'open') return [endpointOf(this.self)]
    const relays = [...this.open].filter(({ outgoing, relayed }) => outgoing && !relayed).slice(0, 2)
    const relayed = relays.map(({ peer }) => `${endpointOf(peer)}/${formatAddress(this.self)}`)
    return this.nat === 'cone' ? [endpointOf(this.self), ...relayed] : relayed
  }

  isGuarded(): boolean {
    return false
  }

  /** A relayed link of the simulator stands by itself. */
  needs(): boolean {
    return false
  }

  hold(): void {
    this.#waiting ??= []
  }

  resume(): void {
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    for (const arrive of waiting) arrive()
  }

  /** Runs `arrive` now, or when the node resumes if it is held. */
  deliver(arrive: () => void): void {
    if (this.#waiting === undefined) arrive()
    else this.#waiting.push(arrive)
  }

  /** In the simulator an address is no key: its holder is known by a hash that nobody else bothers to make. */
  prove(nonce: Uint8Array): Uint8Array {
    return sha256(addressBytes(this.self), nonce)
  }

  isOwnProof(nonce: Uint8Array, proof: Uint8Array): boolean {
    return equal(this.prove(nonce), proof)
  }

  async dial(contact: Contact, signal?: AbortSignal): Promise<Link> {
    const link = await this.#dialInTurn(contact.endpoints, signal)
    if (link.peer === contact.address) return link
    link.close()
    throw new Error('another node answered')
  }

  isImprovable({ relayed }: Link): boolean {
    return relayed
  }

  dialBetter({ address, endpoints }: Contact, _standing: Link, signal?: AbortSignal): Promise<Link> {
    return this.dial({ address, endpoints: endpoints.filter((endpoint) => !endpoint.includes('/')) }, signal)
  }

  dialEndpoint(endpoint: string, signal?: AbortSignal): Promise<Link> {
    const [first = '', behind] = endpoint.slice('sim:'.length).split('/')
    const address = (digits: string) => BigInt(`0x${digits}`) as Address
    return behind === undefined
      ? this.#connect(address(first), signal)
      : this.#connect(address(behind), signal, address(first))
  }

  async dialThrough(relay: Address, contact: Contact, signal?: AbortSignal): Promise<Link> {
    const via = this.#network.find(relay)
    if (via?.isLinkedTo(this.self) !== true || !via.isLinkedTo(contact.address) || via.nat === 'outgoing') {
      throw new Error('the relay does not know both ends')
    }
    return this.#connect(contact.address, signal, relay)
  }

  get held(): boolean {
    return this.#waiting !== undefined
  }

  isLinkedTo(address: Address): boolean {
    for (const link of this.open) if (link.peer === address && !link.relayed) return true
    return false
  }

  /** Every link passed through the NAT, those to relays too. */
  rebind(): void {
    for (const link of this.open) link.deaden()
    this.#dialled.clear()
  }

  /** Whether this node believes in a link on which nothing arrives. */
  isDeafTo(address: Address): boolean {
    const links = [...this.open].filter(({ peer, relayed }) => peer === address && !relayed)
    return links.length > 0 && links.every(({ dead }) => dead)
  }

  async stop(): Promise<void> {
    for (const link of [...this.open]) link.close()
    this.#network.dropCarried(this.self)
    this.up = false
  }

  cut(): void {
    this.up = false
    for (const link of this.open) link.cut()
  }

  /** One by one, `NEXT_ENDPOINT_MS` for each but the last: of parallel links the other end might keep another one. */
  async #dialInTurn(endpoints: readonly string[], signal?: AbortSignal): Promise<Link> {
    const [first, ...rest] = endpoints
    if (first === undefined) throw new Error('nowhere to dial')
    if (rest.length === 0) return this.dialEndpoint(first, signal)
    const late = new Error('no answer in time')
    const signals = signal === undefined ? [] : [signal]
    const deadline = { clock: this.#network.clock, limitMs: NEXT_ENDPOINT_MS, signals, late }
    try {
      return await withDeadline(deadline, (limit) => this.dialEndpoint(first, limit))
    } catch {
      return this.#dialInTurn(rest, signal)
    }
  }

  /** Whether this node's NAT lets `peer` in. */
  #letsIn(peer: Address): boolean {
    if (this.nat !== 'cone') return this.nat === 'open'
    return this.#network.clock.now() - (this.#dialled.get(peer) ?? Number.NEGATIVE_INFINITY) < PINHOLE_MS
  }

  #connect(peer: Address, signal?: AbortSignal, relay?: Address): Promise<Link> {
    const network = this.#network
    const roundTripMs = 2 * network.delay() + 2 * network.delay()
    if (relay === undefined) this.#dialled.set(peer, network.clock.now())
    return new Promise((resolve, reject) => {
      if (!this.up || signal?.aborted === true) return reject(new Error('stopped or called off'))
      signal?.addEventListener('abort', () => reject(new Error('called off')))
      network.clock.after(roundTripMs, () => {
        const host = network.find(peer)
        // A dial is a conversation.
        const passes = (a: Address, b: Address) => network.canTalk(a, b) && network.canTalk(b, a)
        const reachable =
          relay === undefined ? passes(this.self, peer) : passes(this.self, relay) && passes(relay, peer)
        // A host that is cut off or held does not answer; the dial times out.
        if (!this.up || !reachable || signal?.aborted === true || host?.held === true) return
        if (host === undefined) return reject(new Error('connection refused'))
        if (relay === undefined && !host.#letsIn(this.self)) return
        if (relay !== undefined && (this.isDeafTo(relay) || host.isDeafTo(relay))) return
        if (relay !== undefined && !host.isLinkedTo(relay)) return reject(new Error('the relay does not know the node'))
        const line = { medium: network, relay, bursts: network.bursts() }
        const near = new SimLink({ ...line, owner: this, peer: host.self, outgoing: true })
        const far = new SimLink({ ...line, owner: host, peer: this.self, outgoing: false })
        near.other = far
        far.other = near
        if (relay !== undefined) network.carry(relay, near)
        host.onLink(far)
        resolve(near)
      })
    })
  }
}
