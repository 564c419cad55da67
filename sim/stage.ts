/** Plays a story on a cluster: starts its hosts, lets time pass and faults strike. */

import type { Address } from '../agent/overlay/address.ts'
import type { Invariants } from './invariants.ts'
import { drawLies } from './liar.ts'
import { NAT_KINDS, type NatKind } from './nat.ts'
import type { Outages } from './outages.ts'
import type { RingNetwork } from './ring-network.ts'
import type { SimCluster, SimHost } from './sim-cluster.ts'
import type { Weather } from './sim-link.ts'
import { CALM } from './sim-network.ts'
import type { Fault, Story } from './story.ts'

const WATCH_EVERY_MS = 200
/** The first host knows no other; the rest start this long after each other, ms. */
const ARRIVAL_MS = 120
/** One-way delay across an ocean, over a bad line, ms. */
const OCEAN = { minDelayMs: 150, maxDelayMs: 300 } as const

export class Stage {
  readonly #cluster: SimCluster<RingNetwork>
  readonly #story: Story
  readonly #outages: Outages
  #weather: Weather = CALM
  /** Starts a host that is down for a while. */
  readonly #down = new Set<() => void>()
  #churnUntil = Number.NEGATIVE_INFINITY

  constructor(cluster: SimCluster<RingNetwork>, story: Story, outages: Outages) {
    this.#cluster = cluster
    this.#story = story
    this.#outages = outages
  }

  async begin(invariants: Invariants): Promise<void> {
    const { natEvery, hosts, liars } = this.#story
    const liarEvery = Math.max(1, Math.floor(hosts / ((liars?.count ?? 0) + 1)))
    this.#boot(invariants, 'open')
    for (let i = 1; i < hosts; i++) {
      await this.pass(ARRIVAL_MS, invariants)
      const kind = NAT_KINDS[1 + this.#cluster.random.below(NAT_KINDS.length - 1)]!
      this.#boot(invariants, natEvery > 0 && i % natEvery === 0 ? kind : 'open')
      if (liars !== undefined && i % liarEvery === 0 && i / liarEvery <= liars.count) {
        this.#cluster.bootLiar(this.#known(), drawLies(this.#cluster.random, liars.lies))
      }
    }
    await this.pass(3_000, invariants)
  }

  async pass(ms: number, invariants: Invariants): Promise<void> {
    const end = this.#cluster.clock.now() + ms
    while (this.#cluster.clock.now() < end) {
      await this.#cluster.clock.runFor(Math.min(WATCH_EVERY_MS, end - this.#cluster.clock.now()))
      invariants.look()
    }
  }

  strike(fault: Fault, invariants: Invariants): void {
    const { clock } = this.#cluster
    switch (fault.kind) {
      case 'boot':
        for (let i = 0; i < fault.count; i++) this.#boot(invariants, fault.nat)
        break
      case 'crash':
      case 'kill':
      case 'leave':
        this.#lose(fault.kind, this.#pick(fault.who), invariants)
        break
      case 'churn':
        this.#churnUntil = clock.now() + fault.forMs
        this.#churn(fault.sessionMs, invariants)
        break
      case 'hold': {
        const host = this.#pick(fault.who)
        if (host !== undefined && this.#outages.hold(host, fault.hold, fault.forMs)) invariants.afterLoss()
        break
      }
      case 'suspend': {
        const all = this.#cluster.hosts().slice(1)
        const first = fault.who % Math.max(1, all.length)
        const chosen = [...all.slice(first), ...all.slice(0, first)].slice(0, fault.count)
        for (const host of chosen) this.#outages.hold(host, fault.hold, fault.forMs)
        invariants.afterLoss()
        break
      }
      case 'partition':
        this.#outages.part(fault.bit, fault.forMs)
        break
      case 'wall': {
        const [one, other] = [this.#pick(fault.one), this.#pick(fault.other)]
        if (one === undefined || other === undefined || one === other) break
        this.#outages.wall(one.address, other.address, fault.forMs)
        break
      }
      case 'one-way': {
        const [from, to] = [this.#pick(fault.from), this.#pick(fault.to)]
        if (from !== undefined && to !== undefined && from !== to) {
          this.#outages.mute(from.address, to.address, fault.forMs)
        }
        break
      }
      case 'weather': {
        const { loss, duplicate, reorder, delayMs } = fault
        this.#change({ loss, duplicate, reorder, maxDelayMs: CALM.minDelayMs + delayMs }, fault.forMs)
        break
      }
      case 'ocean': {
        const bursts = { everyMs: fault.everyMs, forMs: fault.burstMs }
        this.#change({ ...OCEAN, bursts }, fault.forMs)
        break
      }
      case 'rebind': {
        const hidden = this.#cluster.hosts().filter(({ nat }) => nat !== 'open')
        const host = hidden[fault.who % hidden.length]
        if (host !== undefined) this.#cluster.network.rebind(host.address)
        break
      }
      case 'restart': {
        const host = this.#pick(fault.who)
        if (host !== undefined) this.#restart(host, fault.how, fault.downMs, invariants)
        break
      }
      case 'full-disk': {
        const host = this.#pick(fault.who)
        if (host === undefined) break
        host.disk.full = true
        clock.after(fault.forMs, () => {
          if (!host.disk.full) return
          if (fault.reboots && this.#cluster.hosts().includes(host)) this.#restart(host, 'crash', 0, invariants)
          host.disk.full = false
        })
        break
      }
      case 'renew':
      case 'release': {
        const host = this.#pick(fault.who)
        if (host !== undefined && host.clock.held === undefined) void invariants.act(host, fault.kind)
        break
      }
    }
  }

  /** Ends every fault. */
  async calm(invariants: Invariants): Promise<void> {
    this.#clearUp()
    this.#churnUntil = Number.NEGATIVE_INFINITY
    this.#outages.end()
    for (const start of [...this.#down]) start()
    for (const { disk } of this.#cluster.hosts()) disk.full = false
    invariants.look()
  }

  #boot(invariants: Invariants, nat: NatKind): void {
    const { random } = this.#cluster
    const known = this.#known()
    const clockRate = 1 + this.#story.drift * (2 * random.float() - 1)
    invariants.arrive(this.#cluster.boot(known, { nat, clockRate }))
  }

  /** What a host knows of the others when it starts. */
  #known(): Address[] {
    const [first] = this.#cluster.nodes.keys()
    return first === undefined ? [] : [first, ...this.#cluster.someMembers(2)]
  }

  #restart(host: SimHost, how: 'crash' | 'kill', downMs: number, invariants: Invariants): void {
    this.#lose(how, host, invariants)
    const start = () => {
      if (this.#down.delete(start)) invariants.arrive(this.#cluster.restart(host, this.#known()))
    }
    this.#down.add(start)
    this.#cluster.clock.after(downMs, start)
  }

  #lose(how: 'crash' | 'kill' | 'leave', host: SimHost | undefined, invariants: Invariants): void {
    if (host === undefined) return
    if (how === 'crash') this.#cluster.powerOff(host)
    else if (how === 'kill') this.#cluster.kill(host)
    else void this.#cluster.leave(host)
    invariants.afterLoss()
  }

  /** Replaces one host by another, at the moments of a Poisson process. */
  #churn(sessionMs: number, invariants: Invariants): void {
    const { clock, random, nodes } = this.#cluster
    const gapMs = (-Math.log(1 - random.float()) * sessionMs) / nodes.size
    clock.after(gapMs, () => {
      if (clock.now() > this.#churnUntil) return
      const how = (['crash', 'kill', 'leave'] as const)[random.below(3)]!
      this.#lose(how, this.#pick(random.below(nodes.size)), invariants)
      this.#boot(invariants, 'open')
      this.#churn(sessionMs, invariants)
    })
  }

  /** Any host but the first, whose address all others were given. */
  #pick(who: number): SimHost | undefined {
    const hosts = this.#cluster.hosts().slice(1)
    return hosts[who % hosts.length]
  }

  /** The last weather counts until its time is over. */
  #change(weather: Partial<Weather>, forMs: number): void {
    const all = { ...CALM, ...weather }
    this.#weather = all
    Object.assign(this.#cluster.network.weather, all)
    this.#cluster.clock.after(forMs, () => {
      if (this.#weather === all) this.#clearUp()
    })
  }

  #clearUp(): void {
    Object.assign(this.#cluster.network.weather, CALM)
  }
}
