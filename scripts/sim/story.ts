/**
 * A story: a cluster, a list of faults, and the promises of DESIGN sections 4 to 7 watched all the while.
 *
 * A story is plain data, so a failing one can be printed, shrunk and played again; its seed decides everything else.
 */

import type { Address } from '../../agent/overlay/address.ts'
import type { Hold } from './node-clock.ts'
import { SimCluster, type SimHost } from './sim-cluster.ts'
import { Watch } from './watch.ts'

export type Fault =
  /** Hosts that start at the same moment, as after a power cut. */
  | { readonly kind: 'boot'; readonly count: number; readonly behindNat: boolean }
  /** Power cut, kill -9 or polite end of one host. */
  | { readonly kind: 'crash' | 'kill' | 'leave'; readonly who: number }
  /** A suspended laptop or a starved process. */
  | { readonly kind: 'hold'; readonly who: number; readonly hold: Hold; readonly forMs: number }
  /** Two halves that cannot talk; the cut goes by a bit of the address, so it is random and lasting. */
  | { readonly kind: 'partition'; readonly bit: number; readonly forMs: number }
  /** Two hosts that cannot talk to each other. */
  | { readonly kind: 'wall'; readonly one: number; readonly other: number; readonly forMs: number }
  | {
      readonly kind: 'weather'
      readonly loss: number
      readonly duplicate: number
      readonly reorder: number
      readonly delayMs: number
      readonly forMs: number
    }
  | { readonly kind: 'renew' | 'release'; readonly who: number }

export interface Step {
  readonly afterMs: number
  readonly fault: Fault
}

export interface Story {
  readonly seed: number
  readonly hosts: number
  /** One host in so many is behind a NAT; 0: none. */
  readonly natEvery: number
  /** Clocks run fast or slow by up to this share. */
  readonly drift: number
  readonly leaseMs: number
  readonly steps: readonly Step[]
}

export interface Ending {
  readonly violations: readonly string[]
  readonly hosts: number
  /** From the last fault to a whole ring, ms. */
  readonly wholeAfterMs: number
  readonly virtualMs: number
  readonly frames: number
}

/** After the last fault: the ring is whole, every address has one owner, every host a lease and every lease is found. */
export const WHOLE_WITHIN_MS = 30_000
const LEASED_WITHIN_MS = 60_000
const WATCH_EVERY_MS = 200
/** The first host knows nobody; the rest arrive this close to each other, ms. */
const ARRIVAL_MS = 120

export async function play(story: Story): Promise<Ending> {
  const cluster = new SimCluster(story.seed, { pool: '10.9.0.0/22', leaseMs: story.leaseMs })
  const stage = new Stage(cluster, story)
  const watch = new Watch(cluster, stage)
  await stage.begin(watch)
  for (const { afterMs, fault } of story.steps) {
    await stage.pass(afterMs, watch)
    stage.strike(fault, watch)
  }
  await stage.calm(watch)
  const lastFault = cluster.clock.now()
  const whole = await cluster.clock.runUntilTrue(() => cluster.isWhole(), WHOLE_WITHIN_MS)
  const wholeAfterMs = cluster.clock.now() - lastFault
  if (!whole) watch.violate(`the ring is not whole ${WHOLE_WITHIN_MS} ms after the last fault`)
  await watch.finish(LEASED_WITHIN_MS)
  return {
    violations: watch.violations,
    hosts: cluster.nodes.size,
    wholeAfterMs,
    virtualMs: cluster.clock.now(),
    frames: cluster.network.frames,
  }
}

/** What is wrong with the world now. */
export class Stage {
  readonly #cluster: SimCluster
  readonly #story: Story
  readonly #walls = new Set<string>()
  #cutBit: number | undefined
  #cutEndedAt = Number.NEGATIVE_INFINITY
  readonly #resumedAt = new Map<Address, number>()

  constructor(cluster: SimCluster, story: Story) {
    this.#cluster = cluster
    this.#story = story
    cluster.network.canTalk = (a, b) => !this.#areCut(a, b) && !this.#areWalled(a, b)
  }

  /** A host that is held, or came back less than `boundMs` ago, or two that a partition parts or parted until then. */
  excuses(a: Address, b: Address, boundMs: number): boolean {
    const now = this.#cluster.clock.now()
    const away = (address: Address) => {
      const host = this.#cluster.nodes.get(address)
      return host?.clock.held === true || now - (this.#resumedAt.get(address) ?? Number.NEGATIVE_INFINITY) < boundMs
    }
    return away(a) || away(b) || this.#areCut(a, b) || now - this.#cutEndedAt < boundMs
  }

  async begin(watch: Watch): Promise<void> {
    this.#boot(watch, false)
    for (let i = 1; i < this.#story.hosts; i++) {
      await this.pass(ARRIVAL_MS, watch)
      this.#boot(watch, this.#story.natEvery > 0 && i % this.#story.natEvery === 0)
    }
    await this.pass(3_000, watch)
  }

  async pass(ms: number, watch: Watch): Promise<void> {
    const end = this.#cluster.clock.now() + ms
    while (this.#cluster.clock.now() < end) {
      await this.#cluster.clock.runFor(Math.min(WATCH_EVERY_MS, end - this.#cluster.clock.now()))
      watch.look()
    }
  }

  strike(fault: Fault, watch: Watch): void {
    const { clock, network } = this.#cluster
    switch (fault.kind) {
      case 'boot':
        for (let i = 0; i < fault.count; i++) this.#boot(watch, fault.behindNat)
        break
      case 'crash':
      case 'kill':
      case 'leave': {
        const host = this.#pick(fault.who)
        if (host === undefined) break
        if (fault.kind === 'crash') this.#cluster.powerOff(host)
        else if (fault.kind === 'kill') this.#cluster.kill(host)
        else void this.#cluster.leave(host)
        watch.afterLoss()
        break
      }
      case 'hold': {
        const host = this.#pick(fault.who)
        if (host === undefined || host.clock.held) break
        this.#cluster.hold(host, fault.hold)
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
        if (host !== undefined && !host.clock.held) void watch.act(host, fault.kind)
        break
      }
    }
  }

  /** Ends every fault. */
  async calm(watch: Watch): Promise<void> {
    this.#heal()
    this.#clearUp()
    this.#walls.clear()
    for (const host of this.#cluster.hosts()) if (host.clock.held) this.#resume(host)
    watch.look()
  }

  #boot(watch: Watch, behindNat: boolean): void {
    const { random, nodes } = this.#cluster
    const [first] = nodes.keys()
    const known = first === undefined ? [] : [first, ...this.#cluster.someMembers(2)]
    const clockRate = 1 + this.#story.drift * (2 * random.float() - 1)
    watch.arrive(this.#cluster.boot(known, { behindNat, clockRate }))
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
