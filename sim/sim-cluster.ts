/** A ring whose nodes also run the DHT and lease one namespace's addresses: production code from the leases down. */

import { EMPTY } from '../agent/core/bytes.ts'
import { sleep } from '../agent/core/clock.ts'
import type { Ip4, Mac } from '../agent/core/ip.ts'
import { type Cidr, parseCidr } from '../agent/core/ip.ts'
import { SILENT } from '../agent/core/log.ts'
import { DhtNode } from '../agent/dht/dht-node.ts'
import type { ClientId } from '../agent/lease/lease.ts'
import { LeaseManager } from '../agent/lease/lease-manager.ts'
import { deriveKeys } from '../agent/namespace/keys.ts'
import type { Address } from '../agent/overlay/address.ts'
import { SERVICES } from '../agent/overlay/overlay.ts'
import type { Lie } from './liar.ts'
import type { RingNetwork } from './ring-network.ts'
import { SimDisk } from './sim-disk.ts'
import type { SimNetwork } from './sim-network.ts'
import { type MakeNetwork, type NodeOptions, type SimNode, SimRing } from './sim-ring.ts'
import { VirtualClock } from './virtual-clock.ts'

export interface SimHost extends SimNode {
  readonly dht: DhtNode
  readonly leases: LeaseManager
  readonly disk: SimDisk
}

const CLIENT = 'hw:020000000001' as ClientId
const MAC = '02:00:00:00:00:01' as Mac

export interface ClusterOptions<Network> {
  readonly pool?: string
  readonly leaseMs?: number
  /** Anybody may join the ring. */
  readonly shared?: boolean
  /** What it runs on; by default links. */
  readonly network?: MakeNetwork<Network>
}

export class SimCluster<Network extends RingNetwork = SimNetwork> extends SimRing<Network> {
  readonly pool: Cidr
  readonly leaseMs: number
  readonly #shared: boolean
  readonly keys = deriveKeys('sim', new Uint8Array(32))
  readonly #hosts = new Map<Address, SimHost>()

  constructor(seed: number, options: ClusterOptions<Network> = {}) {
    super(seed, new VirtualClock(), options.network)
    this.pool = parseCidr(options.pool ?? '10.128.0.0/16')!
    this.#shared = options.shared ?? false
    this.leaseMs = options.leaseMs ?? 12 * 3_600_000
  }

  /** Starts a host; see `join`. One with a disk was there before. */
  boot(bootstraps?: Address[], options?: NodeOptions, disk = new SimDisk()): SimHost {
    const node = this.join(bootstraps, options)
    const { ring, random, address, clock } = node
    const dht = new DhtNode({ ring, clock, random, shared: this.#shared })
    const leases = new LeaseManager({
      dht,
      clock,
      random,
      self: address,
      keys: this.keys,
      pool: this.pool,
      reserved: [],
      leaseMs: this.leaseMs,
      store: disk.mount(() => this.#runs(node)),
      log: SILENT,
      vigil: ring.vigil,
    })
    ring.onReturn = () => void leases.verify()
    const host = { ...node, dht, leases, disk }
    this.#hosts.set(address, host)
    return host
  }

  /** Starts a liar: a stranger that takes part in the ring and the DHT. */
  bootLiar(bootstraps: Address[], lies: ReadonlySet<Lie>): void {
    const { ring, clock, random } = this.join(bootstraps, { lies })
    ring.serve(SERVICES.tunnel, () => EMPTY)
    new DhtNode({ ring, clock, random, shared: true })
  }

  /** Starts a host again that was lost: its identity, its disk, its place behind a NAT and its clock are the same. */
  restart({ address, nat, clock, disk }: SimHost, bootstraps?: Address[]): SimHost {
    return this.boot(bootstraps, { nat, clockRate: clock.rate, address }, disk)
  }

  host(address: Address): SimHost {
    return this.#hosts.get(address)!
  }

  /** The hosts that are up now, without liars. */
  hosts(): SimHost[] {
    return [...this.nodes.values()].filter(({ lies }) => lies === undefined).map(({ address }) => this.host(address))
  }

  /** Acts as a DHCP client: takes an offer, confirms it, and retries until it has an address. */
  async lease(host: SimHost): Promise<{ ip: Ip4; tried: number }> {
    for (;;) {
      const offer = await host.leases.offer(CLIENT, MAC)
      if (!offer.ok && offer.why === 'pool-exhausted') throw new Error('pool exhausted')
      if (offer.ok) {
        const acquired = await host.leases.acquire(CLIENT, MAC, offer.ip)
        if (acquired.ok) return { ip: offer.ip, tried: offer.tried }
      }
      await sleep(host.clock, 1_000)
    }
  }

  /** A DHCP client while the host is up: leases an address, renews at half its time, starts again when it is lost. */
  async serveClient(host: SimHost): Promise<void> {
    const stands = () => this.#runs(host)
    while (stands()) {
      const { ip } = await this.lease(host)
      let renewAt = host.clock.now() + this.leaseMs / 2
      while (stands() && host.leases.holder(ip) !== undefined) {
        await sleep(host.clock, 1_000)
        if (host.clock.now() < renewAt) continue
        const { ok } = await this.renew(host, ip)
        renewAt = host.clock.now() + this.leaseMs / (ok ? 2 : 16)
      }
    }
  }

  renew(host: SimHost, ip: Ip4) {
    return host.leases.acquire(CLIENT, MAC, ip)
  }

  release(host: SimHost, ip: Ip4): Promise<void> {
    return host.leases.release(CLIENT, ip)
  }

  /** Whether this run of a host has not ended. */
  #runs({ address, ring }: SimNode): boolean {
    return this.nodes.get(address)?.ring === ring
  }

  /** Addresses that more than one host holds now. */
  duplicates(): Ip4[] {
    const owners = new Map<Ip4, number>()
    for (const host of this.hosts()) for (const { ip } of host.leases.held()) owners.set(ip, (owners.get(ip) ?? 0) + 1)
    return [...owners].filter(([, count]) => count > 1).map(([ip]) => ip)
  }
}
