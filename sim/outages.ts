/**
 * Current and recent outages: hosts that are held, a partition, hosts that do not hear others. They decide what the
 * network lets through, and which violations are excused.
 */

import type { Address } from '../agent/overlay/address.ts'
import type { Hold } from './node-clock.ts'
import type { RingNetwork } from './ring-network.ts'
import type { SimCluster, SimHost } from './sim-cluster.ts'

export class Outages {
  readonly #cluster: SimCluster<RingNetwork>
  /** By sender: the hosts that hear nothing of it, and how many faults make it so. */
  readonly #deaf = new Map<Address, Map<Address, number>>()
  /** Hosts whose clock stood still, and when it went on. */
  readonly #thawedAt = new Map<Address, number>()
  #cutBit: number | undefined
  #cutEndedAt = Number.NEGATIVE_INFINITY

  constructor(cluster: SimCluster<RingNetwork>) {
    this.#cluster = cluster
    cluster.network.canTalk = (a, b) => !this.#areCut(a, b) && !this.#isUnheard(a, b)
  }

  /** Whether either host is held, or was frozen less than `boundMs` ago, or the cluster is or was partitioned since then. */
  excuses(a: Address, b: Address, boundMs: number): boolean {
    return this.isAway(a, boundMs) || this.isAway(b, boundMs) || this.#areCut(a, b) || this.isCut(boundMs)
  }

  /** Whether a host is held, or was frozen less than `boundMs` ago. A host that only slept knows it the moment it wakes. */
  isAway(address: Address, boundMs: number): boolean {
    const thawedAt = this.#thawedAt.get(address) ?? Number.NEGATIVE_INFINITY
    return this.#cluster.nodes.get(address)?.clock.held !== undefined || this.#cluster.clock.now() - thawedAt < boundMs
  }

  /** Whether the cluster is partitioned, or healed less than `boundMs` ago. */
  isCut(boundMs: number): boolean {
    return this.#cutBit !== undefined || this.#cluster.clock.now() - this.#cutEndedAt < boundMs
  }

  /** Whether the clock of a host ever stood still. */
  everFrozen(address: Address): boolean {
    return this.#thawedAt.has(address) || this.#cluster.nodes.get(address)?.clock.held === 'freeze'
  }

  /** Holds a host for `forMs`; returns false when it is held already. */
  hold(host: SimHost, hold: Hold, forMs: number): boolean {
    if (host.clock.held !== undefined) return false
    this.#cluster.hold(host, hold)
    this.#cluster.clock.after(forMs, () => this.#resume(host))
    return true
  }

  /** Partitions the cluster by a bit of the address; there is one partition at a time. */
  part(bit: number, forMs: number): void {
    if (this.#cutBit !== undefined) return
    this.#cutBit = bit
    this.#cluster.clock.after(forMs, () => this.#heal())
  }

  /** Two hosts cannot talk to each other for `forMs`. */
  wall(a: Address, b: Address, forMs: number): void {
    this.mute(a, b, forMs)
    this.mute(b, a, forMs)
  }

  /** What one host sends to another is lost for `forMs`. */
  mute(from: Address, to: Address, forMs: number): void {
    const deaf = this.#deaf.get(from) ?? new Map<Address, number>()
    this.#deaf.set(from, deaf.set(to, (deaf.get(to) ?? 0) + 1))
    this.#cluster.clock.after(forMs, () => deaf.set(to, (deaf.get(to) ?? 0) - 1))
  }

  /** Ends every outage. */
  end(): void {
    this.#heal()
    this.#deaf.clear()
    for (const host of this.#cluster.hosts()) this.#resume(host)
  }

  #resume(host: SimHost): void {
    if (host.clock.held === undefined) return
    if (host.clock.held === 'freeze') this.#thawedAt.set(host.address, this.#cluster.clock.now())
    this.#cluster.resume(host)
  }

  #heal(): void {
    if (this.#cutBit === undefined) return
    this.#cutBit = undefined
    this.#cutEndedAt = this.#cluster.clock.now()
  }

  #isUnheard(from: Address, to: Address): boolean {
    return this.#deaf.size > 0 && (this.#deaf.get(from)?.get(to) ?? 0) > 0
  }

  #areCut(a: Address, b: Address): boolean {
    return this.#cutBit !== undefined && ((a ^ b) >> BigInt(this.#cutBit)) % 2n === 1n
  }
}
