/**
 * Test doubles for everything around the data path: a tap that hands frames to a test, a world of nodes linked in
 * virtual time, a DHT that is one table, and leases kept in it.
 */

import { hex } from '../../agent/core/bytes.ts'
import type { Clock } from '../../agent/core/clock.ts'
import { type Cidr, cidrSize, type Ip4, type Mac, macBytes, serviceAddressOf } from '../../agent/core/ip.ts'
import type { Random } from '../../agent/core/random.ts'
import type { Dht, Found, Key } from '../../agent/dht/dht.ts'
import type { Claim, ClientId, Lease, LeaseFailure, LeaseResult, Leases } from '../../agent/lease/lease.ts'
import { leaseKey, sealOwner } from '../../agent/lease/lease-entry.ts'
import type { NamespaceKeys } from '../../agent/namespace/keys.ts'
import type { TapDevice } from '../../agent/net/tap/tap-device.ts'
import { type Address, toAddress } from '../../agent/overlay/address.ts'
import { type Answer, DeliveryError, type Overlay } from '../../agent/overlay/overlay.ts'

export class FakeTap implements TapDevice {
  readonly name = 'fake0'
  readonly mac = '02:00:00:00:00:fe' as Mac
  readonly mtu: number
  /** Frames that the agent gave to the kernel, oldest first. */
  written: Uint8Array[] = []
  readonly carrier: boolean[] = []
  readonly removed: Ip4[] = []
  full = false
  #handler: (frames: readonly Uint8Array[]) => void = () => {}

  constructor(mtu = 1400) {
    this.mtu = mtu
  }

  set onFrames(handler: (frames: readonly Uint8Array[]) => void) {
    this.#handler = handler
  }

  /** Hands frames to the agent as the kernel does: their bytes are reused after the call. */
  inject(...frames: Uint8Array[]): void {
    const copies = frames.map((frame) => frame.slice())
    this.#handler(copies)
    for (const copy of copies) copy.fill(0xee)
  }

  write(frame: Uint8Array): boolean {
    if (this.full) return false
    this.written.push(frame.slice())
    return true
  }

  take(): Uint8Array[] {
    const written = this.written
    this.written = []
    return written
  }

  setCarrier(on: boolean): void {
    this.carrier.push(on)
  }

  removeAddress(ip: Ip4): void {
    this.removed.push(ip)
  }

  close(): void {}
}

/** All nodes of one test: links appear on `connect`, datagrams arrive 1 ms later. */
export class MemoryWorld {
  readonly clock: Clock
  readonly nodes = new Map<Address, MemoryOverlay>()
  /** Which datagrams the world drops. */
  lose: (from: Address, to: Address, body: Uint8Array) => boolean = () => false
  /** Everything that was sent. */
  readonly sent: { from: Address; to: Address; body: Uint8Array }[] = []

  constructor(clock: Clock) {
    this.clock = clock
  }

  node(address: bigint): MemoryOverlay {
    const overlay = new MemoryOverlay(toAddress(address), this)
    this.nodes.set(overlay.self, overlay)
    return overlay
  }

  /** Cuts the link between two nodes and tells both. */
  cut(a: MemoryOverlay, b: MemoryOverlay): void {
    if (a.links.delete(b.self)) a.unlinked(b.self)
    if (b.links.delete(a.self)) b.unlinked(a.self)
  }

  /** Removes the node and all its links. */
  kill(node: MemoryOverlay): void {
    this.nodes.delete(node.self)
    for (const peer of [...node.links]) {
      const other = this.nodes.get(peer)
      if (other !== undefined) this.cut(node, other)
    }
  }
}

export class MemoryOverlay implements Overlay {
  readonly routedTimeoutMs = 1_500
  readonly self: Address
  readonly correctlyConnected = true
  readonly links = new Set<Address>()
  readonly #world: MemoryWorld
  readonly #unlinkHandlers: ((peer: Address) => void)[] = []
  #onDatagram: (peer: Address, body: Uint8Array) => void = () => {}
  connects = 0
  readonly suspected: Address[] = []

  constructor(self: Address, world: MemoryWorld) {
    this.self = self
    this.#world = world
  }

  request(): Promise<Answer> {
    return Promise.reject(new DeliveryError('no-route', 'no requests here'))
  }

  serve(): void {}

  async connect(peer: Address): Promise<void> {
    this.connects++
    await new Promise<void>((resolve) => this.#world.clock.after(2, resolve))
    const other = this.#world.nodes.get(peer)
    if (other === undefined) throw new DeliveryError('no-route', 'no such node')
    this.links.add(peer)
    other.links.add(this.self)
  }

  datagram(peer: Address, body: Uint8Array): boolean {
    if (!this.links.has(peer)) return false
    this.#world.sent.push({ from: this.self, to: peer, body })
    if (this.#world.lose(this.self, peer, body)) return true
    this.#world.clock.after(1, () => {
      const other = this.#world.nodes.get(peer)
      if (other?.links.has(this.self)) other.#onDatagram(this.self, body.slice())
    })
    return true
  }

  suspect(peer: Address): void {
    this.suspected.push(peer)
  }

  set onDatagram(handler: (peer: Address, body: Uint8Array) => void) {
    this.#onDatagram = handler
  }

  onUnlinked(handler: (peer: Address) => void): void {
    this.#unlinkHandlers.push(handler)
  }

  unlinked(peer: Address): void {
    for (const handler of this.#unlinkHandlers) handler(peer)
  }
}

/** The DHT as one table of what a majority holds. */
export class MemoryDht implements Pick<Dht, 'get'> {
  readonly #values = new Map<string, { value: Uint8Array; ttlMs: number }>()
  readonly #clock: Clock
  available = true
  gets = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  put(key: Key, value: Uint8Array, ttlMs = 3_600_000): void {
    this.#values.set(hex(key), { value, ttlMs })
  }

  remove(key: Key): void {
    this.#values.delete(hex(key))
  }

  async get(key: Key): Promise<Found[]> {
    this.gets++
    await new Promise<void>((resolve) => this.#clock.after(5, resolve))
    if (!this.available) throw new Error('no majority of answers')
    const found = this.#values.get(hex(key))
    return found === undefined ? [] : [{ ...found, votes: 5, majority: true }]
  }
}

export interface MemoryLeasesParts {
  readonly dht: MemoryDht
  readonly self: Address
  readonly keys: NamespaceKeys
  readonly clock: Clock
  readonly random: Random
  readonly pool: Cidr
  readonly leaseMs?: number
  /** Every address that some node holds, shared by all nodes of a namespace. */
  readonly taken: Map<Ip4, string>
}

export class MemoryLeases implements Leases {
  readonly #parts: MemoryLeasesParts
  readonly #held = new Map<Ip4, Lease>()
  #onLost: (lease: Lease) => void = () => {}
  /** While set, what every operation returns instead of working. */
  failure: LeaseFailure | undefined
  /** The operations called, in order. */
  readonly calls: string[] = []
  delayMs = 0

  constructor(parts: MemoryLeasesParts) {
    this.#parts = parts
  }

  async offer(client: ClientId, mac: Mac, wanted?: Ip4): Promise<LeaseResult<Claim>> {
    this.calls.push('offer')
    await this.#wait()
    if (this.failure !== undefined) return { ok: false, why: this.failure }
    const { pool, taken, random } = this.#parts
    const former = [...this.#held.values()].find((lease) => lease.client === client)?.ip
    const free = (ip: Ip4) => !taken.has(ip) || taken.get(ip) === this.#holderName(client)
    const draw = () => (pool.base + 2 + random.below(cidrSize(pool) - 3)) as Ip4
    let ip = former ?? wanted ?? draw()
    let tried = 1
    for (; !free(ip) || ip <= serviceAddressOf(pool); tried++) {
      if (tried > 1000) return { ok: false, why: 'pool-exhausted' }
      ip = draw()
    }
    this.#grant(client, mac, ip, this.#held.get(ip)?.offered === false ? undefined : 60_000)
    return { ok: true, ip, tried }
  }

  async acquire(client: ClientId, mac: Mac, ip: Ip4): Promise<LeaseResult<{ readonly lease: Lease }>> {
    this.calls.push('acquire')
    await this.#wait()
    if (this.failure !== undefined) return { ok: false, why: this.failure }
    const owner = this.#parts.taken.get(ip)
    if (owner !== undefined && owner !== this.#holderName(client)) return { ok: false, why: 'taken' }
    return { ok: true, lease: this.#grant(client, mac, ip, undefined) }
  }

  async release(client: ClientId, ip: Ip4): Promise<void> {
    this.calls.push('release')
    if (this.#held.get(ip)?.client === client) this.drop(ip)
  }

  async decline(client: ClientId, ip: Ip4): Promise<void> {
    this.calls.push('decline')
    if (this.#held.get(ip)?.client === client) this.#held.delete(ip)
    this.#parts.taken.set(ip, 'declined')
  }

  held(): Lease[] {
    return [...this.#held.values()]
  }

  usable(ip: Ip4): Lease | undefined {
    return this.holder(ip)
  }

  holder(ip: Ip4): Lease | undefined {
    return this.#held.get(ip)
  }

  set onLost(handler: (lease: Lease) => void) {
    this.#onLost = handler
  }

  /** Grants a full lease at once, without a client that asks. */
  grant(ip: Ip4, mac: Mac): Lease {
    return this.#grant(`mac:${hex(macBytes(mac))}` as ClientId, mac, ip, undefined)
  }

  drop(ip: Ip4): void {
    this.#held.delete(ip)
    this.#parts.taken.delete(ip)
    this.#parts.dht.remove(leaseKey(this.#parts.keys, ip))
  }

  /** Another node turned out to hold the address: the lease is lost. */
  lose(ip: Ip4): void {
    const lease = this.#held.get(ip)
    if (lease === undefined) return
    this.#held.delete(ip)
    this.#parts.taken.set(ip, 'another node')
    this.#onLost(lease)
  }

  #grant(client: ClientId, mac: Mac, ip: Ip4, offerMs: number | undefined): Lease {
    const { clock, keys, self, random, dht, taken, leaseMs = 43_200_000 } = this.#parts
    const offered = offerMs !== undefined
    const lease: Lease = { client, mac, ip, offered, expiresAt: clock.now() + (offerMs ?? leaseMs) }
    this.#held.set(ip, lease)
    taken.set(ip, this.#holderName(client))
    dht.put(leaseKey(keys, ip), sealOwner(keys, ip, self, random), offerMs ?? leaseMs)
    return lease
  }

  #holderName(client: ClientId): string {
    return `${this.#parts.self} ${client}`
  }

  async #wait(): Promise<void> {
    if (this.delayMs > 0) await new Promise<void>((resolve) => this.#parts.clock.after(this.delayMs, resolve))
  }
}
