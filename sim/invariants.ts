/**
 * The promises, checked again and again while a story plays.
 *
 * - No address has two live owners, except in a partition, a sleep, or the time stated for settling after either.
 * - Two replicas answer for a range only after one of them has taken it over: no other host can win a majority of a
 *   held address's sub-keys.
 * - An owner lets go before its replicas do, even when clocks run fast or slow.
 * - After the last fault there is one ring, each address has one owner, each host has a lease, any node finds every
 *   lease, and every request reaches its true root.
 *
 * Among liars (`Story.liars`) only the first of these is a violation, of honest hosts; the others are counted where they
 * are not kept.
 *
 * An address may change hands when more than half of its sub-keys lose both replicas at once (docs/guarantees.md, A2).
 * Such leases are recorded when hosts are lost, and excused.
 */

import { EMPTY } from '../agent/core/bytes.ts'
import { formatIp4, type Ip4 } from '../agent/core/ip.ts'
import type { SubKey } from '../agent/dht/dht.ts'
import { MAJORITY, REMAP } from '../agent/dht/dht.ts'
import type { Proven } from '../agent/dht/proof.ts'
import { subKeysOf } from '../agent/dht/sub-keys.ts'
import type { Lease } from '../agent/lease/lease.ts'
import { leaseKey, openOwner } from '../agent/lease/lease-entry.ts'
import { type Address, addressFromBytes, formatAddress, isCloser } from '../agent/overlay/address.ts'
import { DeliveryError, SERVICES } from '../agent/overlay/overlay.ts'
import type { Outages } from './outages.ts'
import type { RingNetwork } from './ring-network.ts'
import type { SimCluster, SimHost } from './sim-cluster.ts'

/** After a partition heals or a sleeper wakes, each address has one owner within this time, ms. */
export const SETTLED_WITHIN_MS = 25_000
/** How often the replicas are inspected, ms. */
const LOOK_INSIDE_MS = 1_000
/** While the ring changes, this many hosts on each side of a key may believe that they answer for it. */
const BESIDE = 3
const ROUTES_TRIED = 10
const ROUTE_TRIES = 3

/** As docs/guarantees.md numbers them. */
type PromiseName = 'P1' | 'P2' | 'P3' | 'P4' | 'P5' | 'P6' | 'P7' | 'P10'

export class Invariants {
  readonly violations: string[] = []
  /** Promises that were not kept among liars. */
  readonly unkept = new Set<PromiseName>()
  readonly #cluster: SimCluster<RingNetwork>
  readonly #outages: Outages
  readonly #amongLiars: boolean
  /** Leases whose entry lost its majority together with the hosts that kept it, as `host ip`. */
  readonly #orphaned = new Set<string>()
  readonly #subKeys = new Map<Ip4, SubKey[]>()
  readonly #opened = new WeakMap<Proven, Address | undefined>()
  #lookedInsideAt = 0

  constructor(cluster: SimCluster<RingNetwork>, outages: Outages, amongLiars: boolean) {
    this.#amongLiars = amongLiars
    this.#cluster = cluster
    this.#outages = outages
  }

  violate(promise: PromiseName, what: string): void {
    if (this.#amongLiars && promise !== 'P1') this.unkept.add(promise)
    else this.violations.push(`at ${Math.round(this.#cluster.clock.now())} ms: ${what}`)
  }

  /** A host joined: its client asks for an address. */
  arrive(host: SimHost): void {
    host.ring.serve(SERVICES.tunnel, () => EMPTY)
    this.#cluster.serveClient(host).catch((error) => this.violate('P10', `a host gets no address: ${error}`))
  }

  async act(host: SimHost, what: 'renew' | 'release'): Promise<void> {
    const lease = host.leases.held().find(({ offered }) => !offered)
    if (lease === undefined) return
    await (what === 'renew' ? this.#cluster.renew(host, lease.ip) : this.#cluster.release(host, lease.ip))
    this.look()
  }

  look(): void {
    for (const [ip, owners] of this.#owners()) {
      if (owners.length < 2 || owners.some((owner) => this.#orphaned.has(name(owner, ip)))) continue
      for (const [i, a] of owners.entries()) {
        for (const b of owners.slice(i + 1)) {
          if (this.#outages.excuses(a.address, b.address, SETTLED_WITHIN_MS)) continue
          this.violate('P1', `${formatIp4(ip)} is held by ${formatAddress(a.address)} and ${formatAddress(b.address)}`)
        }
      }
    }
    if (this.#cluster.clock.now() - this.#lookedInsideAt >= LOOK_INSIDE_MS) this.#lookInside()
  }

  /** Hosts left or fell asleep: records the leases whose entries went with them. */
  afterLoss(): void {
    // Nothing excuses two owners there.
    if (this.#amongLiars) return
    const hosts = this.#cluster.hosts().filter(({ clock }) => clock.held === undefined)
    for (const [ip, owners] of this.#owners()) {
      for (const owner of owners) {
        const lease = owner.leases.holder(ip)
        // A copy from before the last renewal is not the entry that its owner relies on.
        const keeps = (host: SimHost, subKey: SubKey) =>
          lease !== undefined && this.#keepsAsLong(host, subKey, owner, lease)
        const kept = this.#subKeysOf(ip).filter((subKey) => hosts.some((host) => keeps(host, subKey)))
        if (kept.length < MAJORITY) this.#orphaned.add(name(owner, ip))
      }
    }
    this.#lookInside()
  }

  /** Checks what the replicas of every held address keep, and for how long. */
  #lookInside(): void {
    this.#lookedInsideAt = this.#cluster.clock.now()
    // Liars keep something else than they say.
    if (this.#amongLiars || this.#outages.isCut(SETTLED_WITHIN_MS)) return
    const beside = besideOf(this.#cluster.hosts())
    for (const host of this.#cluster.hosts()) {
      if (this.#outages.isAway(host.address, SETTLED_WITHIN_MS)) continue
      for (const lease of host.leases.held()) {
        if (host.leases.usable(lease.ip) === undefined || this.#orphaned.has(name(host, lease.ip))) continue
        this.#checkTakenOver(host, lease.ip, beside)
        if (!this.#outages.everFrozen(host.address)) this.#checkOutlived(host, lease, beside)
      }
    }
  }

  /** Two replicas that agree to answer for a sub-key and both lack the entry would give it to another host. */
  #checkTakenOver(owner: SimHost, ip: Ip4, beside: Beside): void {
    const open = this.#subKeysOf(ip).filter((subKey) =>
      beside(subKey).some((host) => {
        const custodian = host.dht.custodianOf(subKey)
        if (custodian === undefined || this.#keeps(host, subKey, ip, owner)) return false
        const partner = custodian.partner === undefined ? host : this.#cluster.nodes.get(custodian.partner)
        if (partner === undefined || partner.clock.held !== undefined) return false
        const other = this.#cluster.host(partner.address)
        return other.dht.custodianOf(subKey)?.partner === host.address && !this.#keeps(other, subKey, ip, owner)
      }),
    )
    if (open.length >= MAJORITY) {
      this.violate(
        'P5',
        `${formatIp4(ip)} of ${formatAddress(owner.address)} could be had by another at ${open.length} sub-keys`,
      )
    }
  }

  /** The hosts beside a key usually keep its entry; where many joined at once, it may still be further away. */
  #checkOutlived(owner: SimHost, lease: Lease, beside: Beside): void {
    const { ip } = lease
    const all = this.#cluster.hosts()
    const standing = all.filter(({ clock }) => clock.held === undefined)
    const keeps = (subKey: SubKey) => (host: SimHost) => this.#keepsAsLong(host, subKey, owner, lease)
    const outlived = this.#subKeysOf(ip).filter(
      (subKey) => beside(subKey).some(keeps(subKey)) || standing.some(keeps(subKey)),
    )
    if (outlived.length >= MAJORITY) return
    // Both replicas of a sub-key sleep. A former replica, or an answer on its way, hid that at the time.
    if (this.#subKeysOf(ip).filter((subKey) => all.some(keeps(subKey))).length >= MAJORITY) {
      this.#orphaned.add(name(owner, ip))
      return
    }
    this.violate(
      'P3',
      `${formatIp4(ip)} of ${formatAddress(owner.address)} outlives its entry at ${REMAP - outlived.length} sub-keys`,
    )
  }

  /** Whether a host keeps the entry of a lease at least until the lease ends. */
  #keepsAsLong(host: SimHost, subKey: SubKey, owner: SimHost, { ip, expiresAt }: Lease): boolean {
    if (!this.#keeps(host, subKey, ip, owner)) return false
    if (this.#outages.everFrozen(host.address)) return true
    return host.clock.untilMs(host.dht.store.get(subKey)!.expiresAt) >= owner.clock.untilMs(expiresAt)
  }

  #keeps({ dht }: SimHost, subKey: SubKey, ip: Ip4, owner: SimHost): boolean {
    const proven = dht.store.get(subKey)?.proven
    return proven !== undefined && this.#ownerIn(proven, ip) === owner.address
  }

  /** The owner that a stored lease names; each lease is opened once. */
  #ownerIn(proven: Proven, ip: Ip4): Address | undefined {
    if (!this.#opened.has(proven)) {
      this.#opened.set(proven, openOwner(this.#cluster.keys, ip, proven.change.statement.value))
    }
    return this.#opened.get(proven)
  }

  #subKeysOf(ip: Ip4): SubKey[] {
    const known = this.#subKeys.get(ip) ?? subKeysOf(leaseKey(this.#cluster.keys, ip))
    this.#subKeys.set(ip, known)
    return known
  }

  /** The last check: everything promised for the time after the last fault. */
  async finish(withinMs: number): Promise<void> {
    const { clock } = this.#cluster
    await clock.runFor(SETTLED_WITHIN_MS)
    this.look()
    const leased = () => this.#cluster.hosts().every(({ leases }) => leases.held().some(({ offered }) => !offered))
    if (!(await clock.runUntilTrue(leased, withinMs))) this.violate('P10', 'a host has no lease')
    await this.#checkRoutes()
    await this.#checkFound()
  }

  async #checkRoutes(): Promise<void> {
    const hosts = this.#cluster.hosts()
    const nodes = [...this.#cluster.nodes.values()]
    for (let i = 0; i < ROUTES_TRIED; i++) {
      const target = addressFromBytes(this.#cluster.random.bytes(20))
      const root = nodes.reduce((best, node) => (isCloser(target, node.address, best.address) ? node : best))
      const asker = hosts[this.#cluster.random.below(hosts.length)]!
      const reached = await this.#cluster.clock.complete(this.#route(asker, target))
      if (reached !== root.address) {
        const where = reached === undefined ? 'nowhere' : `at ${formatAddress(reached)}`
        this.violate(
          'P7',
          `a request for ${formatAddress(target)} ended ${where}, not at ${formatAddress(root.address)}`,
        )
      }
    }
  }

  /** The node where a request ends; undefined when every try is lost. */
  async #route(asker: SimHost, target: Address): Promise<Address | undefined> {
    for (let i = 0; i < ROUTE_TRIES; i++) {
      try {
        return (await asker.ring.request(SERVICES.tunnel, target, EMPTY)).from
      } catch (error) {
        if (!(error instanceof DeliveryError)) throw error
      }
    }
    return undefined
  }

  async #checkFound(): Promise<void> {
    const { keys, random, clock } = this.#cluster
    const hosts = this.#cluster.hosts()
    for (const [ip, [owner]] of this.#owners()) {
      if (owner === undefined || this.#orphaned.has(name(owner, ip))) continue
      const asker = hosts[random.below(hosts.length)]!
      const found = await clock.complete(asker.dht.get(leaseKey(keys, ip)).catch(() => []))
      const votes = found
        .filter(({ value }) => openOwner(keys, ip, value) === owner.address)
        .reduce((sum, { votes }) => sum + votes, 0)
      if (votes < MAJORITY && owner.leases.holder(ip) !== undefined) {
        this.violate('P2', `${formatIp4(ip)} of ${formatAddress(owner.address)} is found with ${votes} votes`)
      }
    }
  }

  #owners(): Map<Ip4, SimHost[]> {
    const owners = new Map<Ip4, SimHost[]>()
    for (const host of this.#cluster.hosts()) {
      // A host that is held sends nothing, and nobody looks into it.
      if (host.clock.held !== undefined) continue
      for (const { ip } of host.leases.held()) {
        if (host.leases.usable(ip) !== undefined) owners.set(ip, [...(owners.get(ip) ?? []), host])
      }
    }
    return owners
  }
}

type Beside = (subKey: SubKey) => readonly SimHost[]

/** The nearest hosts on both sides of a key; hosts that are held do not count. */
function besideOf(hosts: readonly SimHost[]): Beside {
  const sorted = hosts.filter(({ clock }) => clock.held === undefined).sort((a, b) => (a.address < b.address ? -1 : 1))
  if (sorted.length <= 2 * BESIDE) return () => sorted
  const known = new Map<SubKey, readonly SimHost[]>()
  return (subKey) => {
    const around = known.get(subKey) ?? hostsAround(sorted, subKey)
    known.set(subKey, around)
    return around
  }
}

function hostsAround(sorted: readonly SimHost[], subKey: SubKey): SimHost[] {
  const right = sorted.findIndex(({ address }) => address >= subKey)
  const place = (right < 0 ? 0 : right) + sorted.length
  return Array.from({ length: 2 * BESIDE }, (_, i) => sorted[(place - BESIDE + i) % sorted.length]!)
}

function name(host: SimHost, ip: Ip4): string {
  return `${host.address} ${ip}`
}
