/**
 * The promises, looked at again and again while a story is played.
 *
 * - No two live owners of one address, outside a partition, a sleep, or the time stated for settling after them.
 * - An owner lets go before its replicas do: an owner's lease is found in the DHT by whoever looks.
 * - After the last fault: one ring, one owner an address, a lease for every host, every request at its true root.
 *
 * An address may change hands when more than half of its sub-keys lost both replicas at once (DESIGN section 5.1): such
 * leases are noted when hosts are lost, and excused.
 */

import { EMPTY } from '../../agent/core/bytes.ts'
import { formatIp4, type Ip4 } from '../../agent/core/ip.ts'
import { MAJORITY } from '../../agent/dht/dht.ts'
import { subKeysOf } from '../../agent/dht/sub-keys.ts'
import { leaseKey, openOwner } from '../../agent/lease/lease-entry.ts'
import { type Address, addressFromBytes, formatAddress, isCloser } from '../../agent/overlay/address.ts'
import { DeliveryError, SERVICES } from '../../agent/overlay/overlay.ts'
import type { SimCluster, SimHost } from './sim-cluster.ts'
import type { Stage } from './story.ts'

/** After a partition heals or a sleeper wakes, one owner is left within this time. */
export const SETTLED_WITHIN_MS = 25_000
const ROUTES_TRIED = 10
const ROUTE_TRIES = 3

export class Watch {
  readonly violations: string[] = []
  readonly #cluster: SimCluster
  readonly #stage: Stage
  /** Leases whose entry lost its majority with the hosts that kept it: `host ip`. */
  readonly #orphaned = new Set<string>()

  constructor(cluster: SimCluster, stage: Stage) {
    this.#cluster = cluster
    this.#stage = stage
  }

  violate(what: string): void {
    this.violations.push(`at ${Math.round(this.#cluster.clock.now())} ms: ${what}`)
  }

  /** A host came: its client wants an address. */
  arrive(host: SimHost): void {
    host.ring.serve(SERVICES.tunnel, () => EMPTY)
    this.#cluster.serveClient(host).catch((error) => this.violate(`a host gets no address: ${error}`))
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
          if (this.#stage.excuses(a.address, b.address, SETTLED_WITHIN_MS)) continue
          this.violate(`${formatIp4(ip)} is held by ${formatAddress(a.address)} and ${formatAddress(b.address)}`)
        }
      }
    }
  }

  /** Hosts went away: notes the leases whose entries went with them. */
  afterLoss(): void {
    const { keys } = this.#cluster
    const hosts = this.#cluster.hosts()
    for (const [ip, owners] of this.#owners()) {
      for (const owner of owners) {
        const kept = subKeysOf(leaseKey(keys, ip)).filter((subKey) =>
          hosts.some(({ dht }) => {
            const value = dht.store.get(subKey)?.proven.change.statement.value
            return value !== undefined && openOwner(keys, ip, value) === owner.address
          }),
        )
        if (kept.length < MAJORITY) this.#orphaned.add(name(owner, ip))
      }
    }
  }

  /** The last look: everything that was promised for afterwards. */
  async finish(withinMs: number): Promise<void> {
    const { clock } = this.#cluster
    await clock.runFor(SETTLED_WITHIN_MS)
    this.look()
    const leased = () => this.#cluster.hosts().every(({ leases }) => leases.held().some(({ offered }) => !offered))
    if (!(await clock.runUntilTrue(leased, withinMs))) this.violate('a host has no lease')
    await this.#checkRoutes()
    await this.#checkFound()
  }

  async #checkRoutes(): Promise<void> {
    const hosts = this.#cluster.hosts()
    for (let i = 0; i < ROUTES_TRIED; i++) {
      const target = addressFromBytes(this.#cluster.random.bytes(20))
      const root = hosts.reduce((best, host) => (isCloser(target, host.address, best.address) ? host : best))
      const asker = hosts[this.#cluster.random.below(hosts.length)]!
      const reached = await this.#cluster.clock.complete(this.#route(asker, target))
      if (reached !== root.address) {
        const where = reached === undefined ? 'nowhere' : `at ${formatAddress(reached)}`
        this.violate(`a request for ${formatAddress(target)} ended ${where}, not at ${formatAddress(root.address)}`)
      }
    }
  }

  /** Where a request ends; undefined when it is lost again and again. */
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
        this.violate(`${formatIp4(ip)} of ${formatAddress(owner.address)} is found with ${votes} votes`)
      }
    }
  }

  #owners(): Map<Ip4, SimHost[]> {
    const owners = new Map<Ip4, SimHost[]>()
    for (const host of this.#cluster.hosts()) {
      for (const { ip, offered } of host.leases.held()) {
        if (!offered) owners.set(ip, [...(owners.get(ip) ?? []), host])
      }
    }
    return owners
  }
}

function name(host: SimHost, ip: Ip4): string {
  return `${host.address} ${ip}`
}
