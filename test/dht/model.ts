/**
 * A model of one key: who may rely on it, and what he wrote there. It is played beside a whole cluster in virtual time with
 * an attacker in it, and compared with the cluster after each step.
 *
 * An owner relies on a key from the moment that a majority accepted his change, for the time-to-live that he asked for,
 * until he deletes it, hands it over, or is told that it is another's.
 */

import { fromUtf8, sha256, utf8 } from '../../agent/core/bytes.ts'
import { MAX_SERIAL, TOMBSTONE_MS } from '../../agent/dht/constants.ts'
import type { Outcome } from '../../agent/dht/dht.ts'
import type { Change } from '../../agent/dht/messages.ts'
import { holderOf } from '../../agent/dht/proof.ts'
import type { SimCluster, SimHost } from '../../sim/sim-cluster.ts'
import { clusterOf } from '../sim/cluster.ts'
import { Attacker, type Meddling, type Part, type Way } from './attacker.ts'
import { signed } from './samples.ts'

/** Holders of passwords. Each acts from a host of its own. */
export const OWNERS = ['alice', 'bob', 'carol'] as const
export type Owner = (typeof OWNERS)[number]

export type Step =
  | { do: 'create' | 'recreate'; owner: Owner; ttlMs: number }
  | { do: 'hand over'; owner: Owner; to: Owner; ttlMs: number }
  | { do: 'delete' | 'read'; owner: Owner }
  | { do: 'wait'; ms: number }
  | { do: 'restart a host'; which: number }
  | { do: 'meddle'; meddling: Meddling; places: readonly number[] }
  | { do: 'deliver'; lastFirst: boolean }
  | { do: 'replay'; which: number; places: readonly number[]; way: Way }
  | { do: 'graft'; onto: number; from: number; parts: readonly Part[]; places: readonly number[]; way: Way }
  | { do: 'intrude'; kind: 'create' | 'recreate' | 'delete'; places: readonly number[]; way: Way }

interface Claim {
  readonly owner: Owner
  /** By the world's clock. */
  readonly until: number
}

const HOSTS = 8
const KEY = sha256(utf8('the key of the model'))
const INTRUDER = 'intruder'
/** What an operation leaves to do in the background is over after this, ms: while nothing is held back, and while it is. */
const SETTLE_MS = 1_000
const SETTLE_WITHHELD_MS = 12_000

export class Model {
  readonly #sim: SimCluster
  readonly #attacker: Attacker
  readonly #hosts: ReadonlyMap<Owner, SimHost>
  /** Who relies on the key, and since the last change that a majority accepted, what he may have written. */
  #claim: Claim | undefined
  readonly #written = new Map<Owner, Set<string>>(OWNERS.map((owner) => [owner, new Set()]))
  /** Those who gave the key back and did nothing with it since, and how long that must stay so. */
  readonly #gone = new Map<Owner, number>()
  #writes = 0
  #intrusions = Math.floor(MAX_SERIAL / 2)

  private constructor(sim: SimCluster) {
    this.#sim = sim
    this.#attacker = new Attacker(sim, holderOf(KEY, utf8(INTRUDER)))
    for (const host of sim.hosts()) this.#attacker.tap(host)
    this.#hosts = new Map(OWNERS.map((owner, i) => [owner, sim.hosts()[i]!]))
  }

  static async begin(seed: number): Promise<Model> {
    return new Model(await clusterOf(HOSTS, seed))
  }

  /** What the cluster did that the model forbids; undefined when nothing. */
  async take(step: Step): Promise<string | undefined> {
    const wrong = await this.#play(step)
    await this.#sim.clock.runFor(this.#attacker.withholds ? SETTLE_WITHHELD_MS : SETTLE_MS)
    return wrong ?? this.#compare()
  }

  async #play(step: Step): Promise<string | undefined> {
    const { clock } = this.#sim
    switch (step.do) {
      case 'create':
      case 'recreate':
        return this.#write(step.owner, step.owner, step)
      case 'hand over':
        return this.#write(step.to, step.owner, step)
      case 'delete':
        return this.#delete(step.owner)
      case 'read':
        await clock.complete(
          this.#host(step.owner)
            .dht.get(KEY)
            .catch(() => []),
        )
        return undefined
      case 'wait':
        return void (await clock.runFor(step.ms))
      case 'restart a host':
        return void (await this.#restart(step.which))
      case 'meddle':
        return void this.#attacker.meddle(step.meddling, step.places)
      case 'deliver':
        return void (await this.#attacker.deliver(step.lastFirst))
      case 'replay':
        return this.#bring(this.#attacker.pick(step.which), step)
      case 'graft':
        return this.#bring(this.#attacker.graft(step.onto, step.from, step.parts), step)
      case 'intrude':
        return this.#bring(this.#intrusion(step.kind), step)
    }
  }

  /** A change signed with the attacker's own password, newer than all others. */
  #intrusion(kind: Change['statement']['kind']): Change {
    return signed(kind, INTRUDER, { key: KEY, value: INTRUDER, ttlMs: 60_000, serial: ++this.#intrusions })
  }

  async #bring(
    change: Change | undefined,
    { places, way }: { places: readonly number[]; way: Way },
  ): Promise<undefined> {
    if (change === undefined) return
    for (const place of places) await this.#attacker.send(change, place, way)
  }

  /** `by` writes what `holder` held until now; of a create and a renewal both are one. */
  async #write(
    by: Owner,
    holder: Owner,
    { do: kind, ttlMs }: { do: 'create' | 'recreate' | 'hand over'; ttlMs: number },
  ): Promise<string | undefined> {
    const { dht } = this.#host(by)
    const value = `${by} ${++this.#writes}`
    this.#written.get(by)!.add(value)
    this.#gone.delete(by)
    const sentAt = this.#now
    let relied = this.#living()
    // Whatever the answer, the entry may end when he who renewed it says, or be the new holder's from here on.
    if (relied?.owner === by) relied = { owner: by, until: Math.min(relied.until, sentAt + ttlMs) }
    this.#claim = relied?.owner === holder && holder !== by ? undefined : relied
    const outcome = await this.#sim.clock.complete(
      kind === 'create'
        ? dht.create(KEY, utf8(by), utf8(value), ttlMs)
        : dht.recreate(KEY, utf8(holder), utf8(by), utf8(value), ttlMs),
    )
    if (outcome.won) {
      const rival = relied !== undefined && this.#now < relied.until ? relied.owner : by
      if (rival !== by && rival !== holder) return `${by} was given what ${rival} relies on`
      this.#claim = { owner: by, until: sentAt + ttlMs }
      this.#written.set(by, new Set([value]))
    }
    return this.#refused(outcome, relied, by === relied?.owner ? by : holder)
  }

  async #delete(owner: Owner): Promise<string | undefined> {
    const relied = this.#living()
    if (relied?.owner === owner) this.#claim = undefined
    const outcome = await this.#sim.clock.complete(this.#host(owner).dht.delete(KEY, utf8(owner)))
    if (outcome.won) this.#gone.set(owner, Math.max(this.#now + TOMBSTONE_MS, relied?.until ?? 0))
    return this.#refused(outcome, relied, owner)
  }

  #refused({ lost, votes }: Outcome, relied: Claim | undefined, owner: Owner): string | undefined {
    const relies = relied?.owner === owner && this.#now < relied.until
    return lost && relies ? `${owner}, who relies on the key, was refused: ${votes}` : undefined
  }

  /** What a reader finds, against what the model allows. */
  async #compare(): Promise<string | undefined> {
    const claim = this.#living()
    const reader = this.#host(OWNERS[this.#writes % OWNERS.length]!)
    const found = await this.#sim.clock.complete(reader.dht.get(KEY))
    const [best] = found.filter(({ majority }) => majority)
    const value = best && fromUtf8(best.value)
    const by = value?.split(' ')[0]
    if (claim !== undefined && this.#now < claim.until) {
      if (value === undefined) return `nobody finds what ${claim.owner} relies on`
      if (!this.#written.get(claim.owner)!.has(value)) return `${claim.owner} relies on the key, and it says "${value}"`
    }
    for (const [owner, until] of this.#gone) {
      if (owner === by && this.#now < until) return `${owner} gave the key back, and it says "${value}"`
    }
    return undefined
  }

  async #restart(which: number): Promise<void> {
    const owners = [...this.#hosts.values()]
    const others = this.#sim.hosts().filter((host) => !owners.includes(host))
    this.#sim.kill(others[which % others.length]!)
    await this.#whole()
    this.#attacker.tap(this.#sim.boot())
    await this.#whole()
  }

  async #whole(): Promise<void> {
    const isWhole = () => this.#sim.isWhole() && this.#sim.hosts().every(({ dht }) => dht.ready)
    if (!(await this.#sim.clock.runUntilTrue(isWhole, 60_000))) throw new Error('the ring is not whole again')
  }

  #living(): Claim | undefined {
    if (this.#claim !== undefined && this.#now >= this.#claim.until) this.#claim = undefined
    return this.#claim
  }

  #host(owner: Owner): SimHost {
    return this.#hosts.get(owner)!
  }

  get #now(): number {
    return this.#sim.clock.now()
  }
}
