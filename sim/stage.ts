/** Where a story is played: lets time pass and faults strike, and knows what is wrong with the world now. */

import type { Address } from '../agent/overlay/address.ts'
import type { Invariants } from './invariants.ts'
import type { Fault, Story } from './play.ts'
import type { SimCluster, SimHost } from './sim-cluster.ts'
import { NAT_KINDS, type NatKind } from './sim-network.ts'

const WATCH_EVERY_MS = 200
/** The first host knows nobody; the rest arrive this close to each other, ms. */
const ARRIVAL_MS = 120

export class Stage {
  readonly #cluster: SimCluster
  readonly #story: Story
  readonly #walls = new Set<string>()
  #cutBit: number | undefined
  #cutEndedAt = Number.NEGATIVE_INFINITY
  #churnUntil = Number.NEGATIVE_INFINITY
  readonly #resumedAt = new Map<Address, number>()

  constructor(cluster: SimCluster, story: Story) {
    this.#cluster = cluster
    this.#story = story
    cluster.network.canTalk = (a, b) => !this.#areCut(a, b) && !this.#areWalled(a, b)
  }

  /** A host that is held, or came back less than `boundMs` ago, or two that a partition parts or parted until then. */
  excuses(a: Address, b: Address, boundMs: number): boolean {
    return this.isAway(a, boundMs) || this.isAway(b, boundMs) || this.#areCut(a, b) || this.isCut(boundMs)
  }

  /** Whether a host is held, or was less than `boundMs` ago. */
  isAway(address: Address, boundMs: number): boolean {
    const resumedAt = this.#resumedAt.get(address) ?? Number.NEGATIVE_INFINITY
    return this.#cluster.nodes.get(address)?.clock.held === true || this.#cluster.clock.now() - resumedAt < boundMs
  }

  /** Whether the cluster is parted, or was less than `boundMs` ago. */
  isCut(boundMs: number): boolean {
    return this.#cutBit !== undefined || this.#cluster.clock.now() - this.#cutEndedAt < boundMs
  }

  /** Whether a host was ever held: its clock may have stood still. */
  everHeld(address: Address): boolean {
    return this.#resumedAt.has(address) || this.#cluster.nodes.get(address)?.clock.held === true
  }

  async begin(invariants: Invariants): Promise<void> {
    const { natEvery, hosts } = this.#story
    this.#boot(invariants, 'open')
    for (let i = 1; i < hosts; i++) {
      await this.pass(ARRIVAL_MS, invariants)
      const kind = NAT_KINDS[1 + this.#cluster.random.below(NAT_KINDS.length - 1)]!
      this.#boot(invariants, natEvery > 0 && i % natEvery === 0 ? kind : 'open')
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
    const { clock, network } = this.#cluster
    switch (fault.kind) {
      case 'boot':
        for (let i = 0; i < fault.count; i++) this.#boot(invariants, fault.nat)
        break
      case 'crash':
      case 'kill':
      case 'leave':
        this.#lose(fault.kind, fault.who, invariants)
        break
      case 'churn':
        this.#churnUntil = clock.now() + fault.forMs
        this.#churn(fault.sessionMs, invariants)
        break
      case 'hold': {
        const host = this.#pick(fault.who)
        if (host === undefined || host.clock.held) break
        this.#cluster.hold(host, fault.hold)
        invariants.afterLoss()
        clock.after(fault.forMs, () => this.#resume(host))
        break
      }
      case 'partition':
        if (this.#cutBit !== undefined) break
        this.#cutBit = fault.bit
        clock.after(fault.forMs, () => this.#heal())
        break
      case 'wall': {
        const [one, other] = [this.#pick(fault.one), this.#pick(fault.other)]
        if (one === undefined || other === undefined || one === other) break
        const wall = pair(one.address, other.address)
        this.#walls.add(wall)
        clock.after(fault.forMs, () => this.#walls.delete(wall))
        break
      }
      case 'weather': {
        const { loss, duplicate, reorder, delayMs } = fault
        Object.assign(network.weather, { loss, duplicate, reorder, maxDelayMs: network.weather.minDelayMs + delayMs })
        clock.after(fault.forMs, () => this.#clearUp())
        break
      }
      case 'renew':
      case 'release': {
        const host = this.#pick(fault.who)
        if (host !== undefined && !host.clock.held) void invariants.act(host, fault.kind)
        break
      }
    }
  }

  /** Ends every fault. */
  async calm(invariants: Invariants): Promise<void> {
    this.#heal()
    this.#clearUp()
    this.#walls.clear()
    this.#churnUntil = Number.NEGATIVE_INFINITY
    for (const host of this.#cluster.hosts()) if (host.clock.held) this.#resume(host)
    invariants.look()
  }

  #boot(invariants: Invariants, nat: NatKind): void {
    const { random, nodes } = this.#cluster
    const [first] = nodes.keys()
    const known = first === undefined ? [] : [first, ...this.#cluster.someMembers(2)]
    const clockRate = 1 + this.#story.drift * (2 * random.float() - 1)
    invariants.arrive(this.#cluster.boot(known, { nat, clockRate }))
  }

  #lose(how: 'crash' | 'kill' | 'leave', who: number, invariants: Invariants): void {
    const host = this.#pick(who)
    if (host === undefined) return
    if (how === 'crash') this.#cluster.powerOff(host)
    else if (how === 'kill') this.#cluster.kill(host)
    else void this.#cluster.leave(host)
    invariants.afterLoss()
  }

  /** One host for another, at moments as those of a Poisson process. */
  #churn(sessionMs: number, invariants: Invariants): void {
    const { clock, random, nodes } = this.#cluster
    const gapMs = (-Math.log(1 - random.float()) * sessionMs) / nodes.size
    clock.after(gapMs, () => {
      if (clock.now() > this.#churnUntil) return
      const how = (['crash', 'kill', 'leave'] as const)[random.below(3)]!
      this.#lose(how, random.below(nodes.size), invariants)
      this.#boot(invariants, 'open')
      this.#churn(sessionMs, invariants)
    })
  }

  /** Any host but the first, which is the address that all others were given. */
  #pick(who: number): SimHost | undefined {
    const hosts = this.#cluster.hosts().slice(1)
    return hosts[who % hosts.length]
  }

  #resume(host: SimHost): void {
    if (!host.clock.held) return
    this.#resumedAt.set(host.address, this.#cluster.clock.now())
    this.#cluster.resume(host)
  }

  #heal(): void {
    if (this.#cutBit === undefined) return
    this.#cutBit = undefined
    this.#cutEndedAt = this.#cluster.clock.now()
  }

  #clearUp(): void {
    Object.assign(this.#cluster.network.weather, { loss: 0, duplicate: 0, reorder: 0, maxDelayMs: 40 })
  }

  #areWalled(a: Address, b: Address): boolean {
    return this.#walls.size > 0 && this.#walls.has(pair(a, b))
  }

  #areCut(a: Address, b: Address): boolean {
    return this.#cutBit !== undefined && ((a ^ b) >> BigInt(this.#cutBit)) % 2n === 1n
  }
}

function pair(a: Address, b: Address): string {
  return a < b ? `${a}-${b}` : `${b}-${a}`
}
