/** A cluster whose hosts also elect a pool's manager; it records which hosts held which term. */

import { Election, type Standing } from '../agent/condor/election.ts'
import { contains, type Ip4 } from '../agent/core/ip.ts'
import { type Address, formatAddress } from '../agent/overlay/address.ts'
import { SimCluster, type SimHost } from './sim-cluster.ts'
import type { NodeOptions } from './sim-ring.ts'

export interface PoolHost extends SimHost {
  readonly election: Election
}

export interface PoolOptions extends NodeOptions {
  readonly standing?: Partial<Standing>
  /** The host's virtual IP; by default the pool's next one. */
  readonly ip?: Ip4
  /** How far the host's wall clock is ahead, s. */
  readonly aheadS?: number
}

const WATCH_EVERY_MS = 100

export class SimPool extends SimCluster {
  /** Every term that was ever held, with its holders. */
  readonly terms = new Map<number, Set<Address>>()
  readonly #elections = new Map<Address, PoolHost>()
  #ips = 1

  bootHost(bootstraps?: Address[], options: PoolOptions = {}): PoolHost {
    const host = this.boot(bootstraps, options)
    const { dht, clock, random, address, ring } = host
    const election = new Election({
      dht,
      clock,
      random,
      keys: this.keys,
      pool: 'main',
      self: address,
      ip: options.ip ?? ((this.pool.base + ++this.#ips) as Ip4),
      wallS: () => 1_800_000_000 + this.clock.now() / 1000 + (options.aheadS ?? 0),
      standing: () => ({ fit: true, onBattery: false, uptimeMs: 3_600_000, ...options.standing }),
      alone: () => ring.alone,
      fault: (ip) => (contains(this.pool, ip) ? undefined : 'holds no address of this namespace'),
    })
    ring.onReturn = () => election.verify()
    const watch = () => {
      const { leading, manager } = election.view
      if (!leading || manager === undefined) return
      const holders = this.terms.get(manager.term) ?? new Set()
      this.terms.set(manager.term, holders.add(address))
    }
    election.onChange = watch
    election.start()
    const poolHost = { ...host, election }
    this.#elections.set(address, poolHost)
    return poolHost
  }

  poolHosts(): PoolHost[] {
    return this.hosts().map(({ address }) => this.#elections.get(address)!)
  }

  managers(): PoolHost[] {
    return this.poolHosts().filter(({ election }) => election.view.leading)
  }

  /** Whether there is one manager, and every host follows it in its term. */
  agree(): boolean {
    const [manager, ...others] = this.managers()
    if (manager === undefined || others.length > 0) return false
    const { term } = manager.election.view.manager!
    return this.poolHosts().every(({ election }) => {
      const { manager: followed } = election.view
      return followed?.term === term && followed.node === manager.address
    })
  }

  /** Lets `ms` pass; returns the most managers seen at one moment. */
  async passWatching(ms: number): Promise<number> {
    let most = 0
    for (const end = this.clock.now() + ms; this.clock.now() < end; ) {
      await this.clock.runFor(WATCH_EVERY_MS)
      most = Math.max(most, this.managers().length)
    }
    return most
  }

  lastTerm(): number {
    return Math.max(0, ...this.terms.keys())
  }

  /** Terms that more than one host held. */
  sharedTerms(): string[] {
    return [...this.terms]
      .filter(([, holders]) => holders.size > 1)
      .map(([term, holders]) => `${term}: ${[...holders].map(formatAddress)}`)
  }
}
