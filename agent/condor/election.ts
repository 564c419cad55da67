/**
 * Elects the pool's manager (docs/condor.md): the node that holds the pool's DHT entry.
 *
 * Guarantees:
 * - a manager holds a majority of the entry's sub-keys with its own password. One that cannot renew demotes itself
 *   before its replicas let go of the entry, so demotion comes before the next promotion;
 * - every manager has its own term, greater than any before. It draws the term while it holds the role, from a second
 *   entry that outlives managers and from what members remember. Only two sides of a partition can draw equal terms;
 *   the manager that stays then takes a new term within one renewal;
 * - a node that restarted, was cut off or slept begins as a member: it never resumes a term that it had;
 * - machines that have been up for long and are not on battery offer themselves first;
 * - the fewer hosts, the sooner a change is seen; traffic does not grow with the pool.
 */

import type { Clock, Timer } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Ip4 } from '../core/ip.ts'
import type { Random } from '../core/random.ts'
import type { Dht } from '../dht/dht.ts'
import type { NamespaceKeys } from '../namespace/keys.ts'
import type { Address } from '../overlay/address.ts'
import {
  BATTERY_PATIENCE_MS,
  CAMPAIGN_LOOK_MS,
  CAMPAIGN_RESERVE_MS,
  DEMOTE_AFTER_MS,
  DESERTED_PATIENCE_MS,
  EXPIRY_GRACE_MS,
  FULL_RATE_HOSTS,
  LOOK_PERIOD_MAX_MS,
  MANAGER_TTL_MS,
  RENEW_PERIOD_MS,
  REPEAT_MS,
  RETRY_MS,
  SETTLED_MS,
  SPREAD_MS,
  SPREAD_PER_HOST_MS,
  YOUNG_PATIENCE_MS,
} from './constants.ts'
import { holderOf, type Mandate, managerKey, sealMandate } from './manager-entry.ts'
import { TermRegister } from './term-register.ts'

const PASSWORD_BYTES = 32

/** Whether this machine may lead, and how readily; asked when it decides. */
export interface Standing {
  /** Its settings allow it to lead, and its daemons work. */
  readonly fit: boolean
  readonly onBattery: boolean
  readonly uptimeMs: number
}

export interface Load {
  readonly hosts: number
  readonly slots: number
}

/** `leading`: this node is the manager. `manager` undefined: none is known yet. */
export interface View {
  readonly leading: boolean
  readonly manager: Mandate | undefined
}

export interface ElectionParts {
  readonly dht: Dht
  readonly clock: Clock
  readonly random: Random
  /** This machine's wall clock, seconds since 1970. */
  readonly wallS: () => number
  readonly keys: NamespaceKeys
  readonly pool: string
  readonly self: Address
  /** This node's virtual IP. */
  readonly ip: Ip4
  readonly standing: () => Standing
  /** No other node of the ring is known now. */
  readonly alone: () => boolean
  /** What is wrong with a manager at `ip`, as words that follow "the entry of the manager"; undefined: nothing. */
  readonly fault: (ip: Ip4) => string | undefined
}

interface Office {
  readonly password: Uint8Array
  mandate: Mandate
  /** When this node must have stopped managing, in `Clock` time. */
  endsAt: number
}

export class Election {
  readonly #parts: ElectionParts
  readonly #terms: TermRegister
  #office: Office | undefined
  #manager: Mandate | undefined
  #load: Load = { hosts: 1, slots: 0 }
  #problem: string | undefined
  #skewS = 0
  #offerAt: number | undefined
  /** This node was in a ring with others. */
  #met = false
  #next: Timer | undefined
  #end: Timer | undefined
  #turning = false
  #stopped = false

  /** Called whenever `view` changed. */
  onChange: () => void = () => {}

  constructor(parts: ElectionParts) {
    this.#parts = parts
    this.#terms = new TermRegister(parts)
  }

  /** While there is no manager, shows the last one until the next is known. */
  get view(): View {
    const leading = this.#office !== undefined && this.#parts.clock.now() < this.#office.endsAt
    return { leading, manager: this.#office?.mandate ?? this.#manager }
  }

  /** What went wrong in the last look; undefined when nothing did. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** How far this machine's wall clock is ahead of the manager's, s; a second or two is noise. */
  get skewS(): number {
    return this.#skewS
  }

  start(): void {
    this.#wake(0)
  }

  /** Sets the pool's size as the manager counted it; others learn it with the next renewal. */
  setLoad(load: Load): void {
    this.#load = load
  }

  /** Looks or renews now: things may have changed while this node was cut off. */
  verify(): void {
    this.#wake(0)
  }

  /** Resigns if this node is the manager, so that another takes over at once. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#next?.cancel()
    await this.#resign()
  }

  #wake(delayMs: number): void {
    this.#next?.cancel()
    if (this.#stopped) return
    this.#next = this.#parts.clock.after(delayMs, () => void this.#turn())
  }

  async #turn(): Promise<void> {
    if (this.#turning) return
    this.#turning = true
    this.#met ||= !this.#parts.alone()
    let pauseMs = RETRY_MS
    try {
      pauseMs = this.#office === undefined ? await this.#look() : await this.#renew(this.#office)
    } catch (error) {
      this.#problem = messageOf(error)
    } finally {
      this.#turning = false
    }
    this.#wake(pauseMs)
  }

  /** A member's turn. Returns the ms until the next. */
  async #look(): Promise<number> {
    const { dht, keys, pool, self, fault, wallS } = this.#parts
    const holder = holderOf(await dht.get(managerKey(keys, pool)), keys, pool)
    if (holder === undefined) return await this.#vacant()
    const { mandate, ttlMs } = holder
    this.#offerAt = undefined
    const againMs = Math.min(RENEW_PERIOD_MS, ttlMs + EXPIRY_GRACE_MS)
    const wrong = mandate === undefined ? 'was not written by a member' : fault(mandate.ip)
    if (mandate === undefined || wrong !== undefined) {
      this.#problem = `the entry of the manager ${wrong}`
      return againMs
    }
    this.#problem = undefined
    // An entry that this node wrote in an earlier run, or before it slept, no longer gives it the role.
    if (mandate.node === self) return againMs
    if (mandate.term === 0) return CAMPAIGN_LOOK_MS
    this.#skewS = Math.round(wallS() - mandate.wallS - (MANAGER_TTL_MS - ttlMs) / 1000)
    if (this.#terms.note(mandate)) {
      // This manager's terms come from the other side of a partition: no member follows it until it takes a new term.
      await this.#terms.remind()
      return CAMPAIGN_LOOK_MS
    }
    this.#follow(mandate)
    return this.#nextLookMs(mandate.hosts, ttlMs)
  }

  /** No node holds the role: this node campaigns when its patience is over. */
  async #vacant(): Promise<number> {
    const { clock, random, standing, alone } = this.#parts
    const { fit, onBattery, uptimeMs } = standing()
    this.#problem = undefined
    if (!fit) {
      this.#offerAt = undefined
      return CAMPAIGN_LOOK_MS + REPEAT_MS * random.float()
    }
    const now = clock.now()
    if (this.#offerAt === undefined) {
      const young = YOUNG_PATIENCE_MS * Math.max(0, 1 - uptimeMs / SETTLED_MS)
      const spread = SPREAD_MS + SPREAD_PER_HOST_MS * (this.#manager?.hosts ?? 0)
      const deserted = this.#met && alone() ? DESERTED_PATIENCE_MS : 0
      this.#offerAt = now + (onBattery ? BATTERY_PATIENCE_MS : 0) + young + deserted + spread * random.float()
    }
    if (now < this.#offerAt) return this.#offerAt - now
    this.#offerAt = undefined
    return (await this.#campaign()) ? RENEW_PERIOD_MS : REPEAT_MS * random.float()
  }

  /** In a large pool only about `FULL_RATE_HOSTS` look when the entry would expire; the others look now and then. */
  #nextLookMs(hosts: number, ttlMs: number): number {
    const { random } = this.#parts
    const jitter = 0.9 + 0.2 * random.float()
    if (random.float() * hosts < FULL_RATE_HOSTS) return Math.min(RENEW_PERIOD_MS * jitter, ttlMs + EXPIRY_GRACE_MS)
    return Math.min(RENEW_PERIOD_MS * (hosts / FULL_RATE_HOSTS), LOOK_PERIOD_MAX_MS) * jitter
  }

  #follow(mandate: Mandate): void {
    const before = this.#manager
    this.#manager = mandate
    if (before === undefined || !sameOffice(before, mandate)) this.onChange()
  }

  /** Takes the role, then a term. Deletes the entry when that fails. */
  async #campaign(): Promise<boolean> {
    const { dht, clock, random, keys, pool } = this.#parts
    const password = random.bytes(PASSWORD_BYTES)
    const sentAt = clock.now()
    const outcome = await dht.create(managerKey(keys, pool), password, this.#sealed(0), MANAGER_TTL_MS)
    try {
      if (outcome.won && (await this.#takeOffice(password, sentAt + DEMOTE_AFTER_MS))) return true
    } catch (error) {
      this.#problem = messageOf(error)
    }
    void dht.delete(managerKey(keys, pool), password)
    return false
  }

  async #takeOffice(password: Uint8Array, endsAt: number): Promise<boolean> {
    const { dht, clock, keys, pool } = this.#parts
    const term = await this.#terms.draw(endsAt - CAMPAIGN_RESERVE_MS)
    const sentAt = clock.now()
    if (term === undefined || sentAt >= endsAt - CAMPAIGN_RESERVE_MS) return false
    const key = managerKey(keys, pool)
    const outcome = await dht.recreate(key, password, password, this.#sealed(term), MANAGER_TTL_MS)
    if (!outcome.won || clock.now() >= endsAt || this.#stopped) return false
    this.#office = { password, mandate: this.#mandate(term), endsAt: 0 }
    this.#extend(this.#office, sentAt)
    this.#skewS = 0
    this.onChange()
    return true
  }

  /** A manager's turn. Returns the ms until the next. */
  async #renew(office: Office): Promise<number> {
    const { dht, clock, random, keys, pool, standing } = this.#parts
    if (!standing().fit) {
      await this.#resign()
      return REPEAT_MS
    }
    const { password } = office
    const { term } = office.mandate
    const sentAt = clock.now()
    const key = managerKey(keys, pool)
    const outcome = await dht.recreate(key, password, password, this.#sealed(term), MANAGER_TTL_MS)
    if (this.#office !== office) {
      // Too late: this node has demoted itself meanwhile and must not keep others from the role.
      if (outcome.won) void dht.delete(key, password)
      return 0
    }
    if (outcome.lost) {
      this.#demote()
      return 0
    }
    if (!outcome.won) return RETRY_MS
    this.#problem = undefined
    this.#extend(office, sentAt)
    office.mandate = this.#mandate(term)
    if (await this.#terms.upkeep(term)) {
      const raised = await this.#terms.draw(office.endsAt)
      if (raised === undefined || this.#office !== office) return RETRY_MS
      office.mandate = this.#mandate(raised)
      this.onChange()
      return 0
    }
    return RENEW_PERIOD_MS * (0.9 + 0.1 * random.float())
  }

  #extend(office: Office, sentAt: number): void {
    const { clock } = this.#parts
    this.#end?.cancel()
    office.endsAt = sentAt + DEMOTE_AFTER_MS
    this.#end = clock.after(office.endsAt - clock.now(), () => this.#demote())
  }

  #demote(): void {
    if (this.#office === undefined) return
    this.#end?.cancel()
    this.#manager = this.#office.mandate
    this.#office = undefined
    this.onChange()
  }

  async #resign(): Promise<void> {
    const { dht, keys, pool } = this.#parts
    const office = this.#office
    if (office === undefined) return
    this.#demote()
    await dht.delete(managerKey(keys, pool), office.password)
  }

  #mandate(term: number): Mandate {
    const { ip, self, wallS } = this.#parts
    return { term, ip, node: self, ...this.#load, wallS: Math.round(wallS()) }
  }

  #sealed(term: number): Uint8Array {
    const { keys, pool, random } = this.#parts
    return sealMandate(keys, pool, this.#mandate(term), random)
  }
}

function sameOffice(a: Mandate, b: Mandate): boolean {
  return a.term === b.term && a.node === b.node && a.ip === b.ip
}
