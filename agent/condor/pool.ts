/**
 * This machine's part in the pool: turns the election's decisions into HTCondor's configuration.
 *
 * Guarantees: nothing is configured before this machine has an address and knows a manager. Each change is made whole,
 * in order (files, daemons, collector, queue); of several at once only the last counts. A failure is named, retried
 * with growing pauses, and never affects the network.
 */

import { hostname, uptime } from 'node:os'
import { type Clock, every, sleep, type Timer } from '../core/clock.ts'
import { messageOf, WowError } from '../core/errors.ts'
import { contains, formatIp4, type Ip4 } from '../core/ip.ts'
import type { Log } from '../core/log.ts'
import type { Random } from '../core/random.ts'
import type { Dht } from '../dht/dht.ts'
import type { NamespaceKeys } from '../namespace/keys.ts'
import { reservedOf, type SignedRecord } from '../namespace/record.ts'
import type { Address } from '../overlay/address.ts'
import { type CommandOptions, type Commands, SystemCommands } from './commands.ts'
import { CONDOR_PATHS, type CondorPaths, type Hardware, hostNameOf, paceOf, templateValues } from './configuration.ts'
import { Daemons, QUESTION_LIMIT_MS } from './daemons.ts'
import { Election, type Standing, type View } from './election.ts'
import type { CondorFacts, PoolState } from './facts.ts'
import { writeHosts } from './hosts-file.ts'
import { Installation } from './installation.ts'
import { setJobFirewall } from './job-firewall.ts'
import { Lookout } from './lookout.ts'
import { MachineWatch } from './machine-watch.ts'
import { Reconciler } from './reconciler.ts'
import type { CondorSettings } from './settings.ts'
import { renderAll } from './templates.ts'

/** A collector that just started answers within seconds; one that is silent this long has failed, ms. */
const COLLECTOR_LIMIT_MS = 60_000
/** A member points its daemons at a new manager once it answers, or after this, ms: an earlier update is lost. */
const COLLECTOR_HEAD_START_MS = 15_000
const SLOT_LIMIT_MS = 120_000
/** Daemons show their slot at a new manager within a second or two; after this, ms, they are reconfigured again. */
const SLOT_HEAD_START_MS = 3_000
const ASK_AGAIN_MS = 400
/** Limit of the first question to a collector that may be starting, ms: one asked too early is never answered. */
const EARLY_QUESTION_LIMIT_MS = 1_500
/** First and longest pause after a failure, ms; each is twice the one before. */
const BACKOFF_MIN_MS = 2_000
const BACKOFF_MAX_MS = 60_000
/** How long a manager that cannot do its work leaves the role to others, ms: they need a look and a campaign. */
const UNFIT_MS = 30_000
/** How often the manager counts its pool, ms. */
const COUNT_PERIOD_MS = 20_000
/** In a larger pool a newcomer uses the manager's count, which is a little old, instead of asking for all slots. */
const COUNT_HOSTS = 100
/** How long stopping waits for the role to be handed over, ms. */
const HAND_OVER_LIMIT_MS = 700

export interface CondorParts {
  readonly dht: Dht
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly keys: NamespaceKeys
  readonly signed: SignedRecord
  readonly self: Address
  readonly alone: () => boolean
  readonly tap: string
  readonly settings: CondorSettings
  readonly commands?: Commands
  readonly paths?: CondorPaths
  /** Called when this machine has joined the pool, and again when the pool has another manager. */
  readonly onJoined: (joined: { readonly manager: string; readonly term: number; readonly slots: number }) => void
}

export class CondorPool {
  readonly #parts: CondorParts
  readonly #paths: CondorPaths
  readonly #commands: Commands
  readonly #domain: string
  readonly #installation: Installation
  readonly #daemons: Daemons
  readonly #lookout: Lookout
  readonly #machine: MachineWatch
  #ip: Ip4 | undefined
  #election: Election | undefined
  #counting: Timer | undefined
  #state: PoolState = 'waiting'
  #slots = 0
  readonly #reconciler: Reconciler
  /** What the daemons must do to apply the files written last; undefined when they have. */
  #pending: 'start' | 'restart' | undefined = 'start'
  #joined: View['manager']
  /** The hardware that the configuration describes. */
  #told: Hardware | undefined
  #unfitUntil = Number.NEGATIVE_INFINITY
  #stopped = false

  constructor(parts: CondorParts) {
    this.#parts = parts
    this.#paths = parts.paths ?? CONDOR_PATHS
    this.#commands = parts.commands ?? new SystemCommands()
    this.#domain = parts.signed.record.domain ?? `${parts.signed.id}.wow`
    this.#installation = new Installation(this.#paths)
    this.#daemons = new Daemons(this.#commands)
    const { dht, clock, random, keys, settings } = parts
    this.#reconciler = new Reconciler({
      clock,
      ...{ minMs: BACKOFF_MIN_MS, maxMs: BACKOFF_MAX_MS },
      apply: (wish) => this.#apply(wish),
      explain: asProblem,
      onFailed: (problem) => this.#onFailed(problem),
    })
    this.#machine = new MachineWatch({
      ...{ clock, random, log: parts.log, owner: settings.policy === 'idle' ? this.#paths.owner : undefined },
      // Daemons that are starting are not disturbed: they are reconfigured once they have joined.
      onHardware: () => this.#state === 'joined' && this.#reconciler.change(),
      onReport: (ad) => this.#installation.report(ad),
    })
    this.#lookout = new Lookout({
      dht,
      clock,
      random,
      keys,
      pools: settings.flock,
      onChange: () => this.#reconciler.change(),
    })
  }

  /** This machine has a first or a new address. */
  bound(ip: Ip4): void {
    if (this.#stopped || ip === this.#ip) return
    const before = this.#election
    this.#ip = ip
    void before?.stop()
    this.#election = this.#stand(ip)
    this.#election.start()
    if (before === undefined) this.#begin()
    this.#reconciler.change()
  }

  /** This node may have missed changes: looks now. */
  verify(): void {
    this.#election?.verify()
  }

  /** Hands the role over. The daemons keep running: an agent that only restarts must not cost a job. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#reconciler.stop()
    this.#lookout.stop()
    this.#machine.stop()
    this.#counting?.cancel()
    // Does not wait for a DHT that does not answer: the role then ends with its entry.
    await Promise.race([this.#election?.stop(), sleep(this.#parts.clock, HAND_OVER_LIMIT_MS)])
  }

  facts(): CondorFacts {
    const view = this.#election?.view
    return {
      settings: this.#parts.settings,
      state: this.#state,
      problem: this.#reconciler.problem,
      leading: view?.leading ?? false,
      manager: view?.manager,
      slots: view?.leading === true ? this.#slots : (view?.manager?.slots ?? 0),
      electionProblem: this.#election?.problem,
      skewS: this.#election?.skewS ?? 0,
      hostname: this.#ip === undefined ? undefined : `${hostNameOf(this.#ip)}.${this.#domain}`,
      flock: this.#lookout.managers,
    }
  }

  #stand(ip: Ip4): Election {
    const { dht, clock, random, keys, self, alone, settings } = this.#parts
    const election = new Election({
      dht,
      clock,
      random,
      keys,
      self,
      ip,
      alone,
      pool: settings.pool,
      wallS: () => Date.now() / 1000,
      standing: () => this.#standing(ip),
      fault: (other) => this.#fault(other),
    })
    election.onChange = () => this.#reconciler.change()
    return election
  }

  #standing(ip: Ip4): Standing {
    const { settings, clock } = this.#parts
    const named = settings.manager === undefined || settings.manager === ip
    const able = settings.role !== 'submit' && this.#installation.isThere
    const fit = named && able && clock.now() >= this.#unfitUntil
    return { fit, onBattery: this.#machine.onBattery, uptimeMs: uptime() * 1000 }
  }

  #fault(ip: Ip4): string | undefined {
    const { settings, signed } = this.#parts
    const { pool } = signed.record
    if (!contains(pool, ip) || reservedOf(signed.record).includes(ip)) return 'holds no address of this namespace'
    if (settings.manager === undefined || settings.manager === ip) return undefined
    return `names ${formatIp4(ip)}, not the condor.manager of the settings`
  }

  /** Starts what runs from the first address to the end. */
  #begin(): void {
    const { clock, random } = this.#parts
    this.#lookout.start()
    this.#machine.start()
    this.#counting = every(clock, random, COUNT_PERIOD_MS, () => void this.#count())
  }

  #onFailed(problem: WowError): void {
    const { clock, log } = this.#parts
    this.#state = 'failed'
    // Another machine may do better; one that is alone takes the role again later.
    if (this.#election?.view.leading === true) this.#unfitUntil = clock.now() + UNFIT_MS
    log.warn('the pool', { code: problem.code, reason: problem.message })
  }

  /** Brings this machine to the state that the view wants; returns early when the view changes meanwhile. */
  async #apply(wish: AbortSignal): Promise<void> {
    this.#installation.check()
    const view = this.#election?.view
    const ip = this.#ip
    if (view?.manager === undefined || ip === undefined) {
      this.#state = 'waiting'
      return
    }
    const { manager, leading } = view
    if (this.#state !== 'joined') this.#state = 'joining'
    const running = this.#joined !== undefined
    if (running && !leading && manager.ip !== this.#joined?.ip) {
      await this.#untilAnswers(manager.ip, COLLECTOR_HEAD_START_MS, wish)
      if (wish.aborted) return
    }
    await this.#write(ip, view.leading, manager.ip, manager.hosts)
    await this.#tellDaemons()
    if (!(await this.#untilAnswers(manager.ip, COLLECTOR_LIMIT_MS, wish))) {
      if (wish.aborted) return
      throw silent(manager.ip)
    }
    const { role } = this.#parts.settings
    if (role !== 'worker') void this.#daemons.reschedule()
    if (role !== 'submit' && !(await this.#untilSlot(wish))) {
      if (wish.aborted) return
      throw slotMissing()
    }
    if (!wish.aborted) await this.#join(manager)
  }

  async #write(ip: Ip4, leading: boolean, manager: Ip4, hosts: number): Promise<void> {
    const { keys, signed, self, settings, tap } = this.#parts
    const paths = this.#paths
    const domain = this.#domain
    const flock = this.#lookout.managers.map(({ ip }) => ip)
    const facts = { settings, paths, namespaceId: signed.id, domain, ip, node: self, manager, leading, hosts, flock }
    this.#told = this.#machine.hardware
    const texts = await renderAll(templateValues({ ...facts, hardware: this.#told }), paths.templates)
    const moved = this.#installation.configuredIp() !== formatIp4(ip)
    const authorized = this.#installation.authorize({ keys, domain, users: settings.users })
    if (this.#installation.configure(texts) || authorized) this.#pending ??= 'start'
    if (moved) this.#pending = 'restart'
    writeHosts(paths.hosts, { domain, own: ip, hostname: hostname(), others: [manager] })
    await setJobFirewall(this.#commands, tap, settings.network === 'virtual')
  }

  /** Makes running daemons reread the files; starts them if they do not run, restarts them if the address changed. */
  async #tellDaemons(): Promise<void> {
    const pending = this.#pending
    if (pending === undefined) return
    const run = await this.#daemons.reconfigure()
    if (!run || pending === 'restart') await this.#daemons.start(run ? 'restart' : 'start')
    this.#pending = undefined
  }

  async #join(manager: NonNullable<View['manager']>): Promise<void> {
    const size = manager.hosts <= COUNT_HOSTS ? await this.#daemons.poolSize() : undefined
    this.#slots = size?.slots ?? manager.slots
    const before = this.#joined
    this.#joined = manager
    this.#state = 'joined'
    if (this.#told !== this.#machine.hardware) this.#reconciler.change()
    if (before?.term === manager.term && before.node === manager.node) return
    this.#parts.onJoined({ manager: formatIp4(manager.ip), term: manager.term, slots: this.#slots })
    void this.#count()
  }

  /** On the manager: counts the pool and adapts its intervals. */
  async #count(): Promise<void> {
    const election = this.#election
    if (election?.view.leading !== true || this.#state !== 'joined') return
    const size = await this.#daemons.poolSize()
    if (size === undefined) return
    const before = election.view.manager?.hosts ?? 1
    this.#slots = size.slots
    election.setLoad({ hosts: Math.max(1, size.hosts), slots: size.slots })
    if (paceOf(before).hosts !== paceOf(size.hosts).hosts) this.#reconciler.change()
  }

  async #untilAnswers(ip: Ip4, limitMs: number, wish: AbortSignal): Promise<boolean> {
    return await this.#until((limit) => this.#daemons.collectorAnswers(formatIp4(ip), limit), limitMs, wish)
  }

  async #untilSlot(wish: AbortSignal): Promise<boolean> {
    const hostname = this.facts().hostname ?? ''
    const shown = (limit: CommandOptions) => this.#daemons.showsSlot(hostname, limit)
    if (this.#joined !== undefined) {
      if (await this.#until(shown, SLOT_HEAD_START_MS, wish)) return true
      // A manager that lost power and is manager again rejects a daemon's old session, and with it the daemon's first
      // update; the next update is due only after a whole interval.
      if (!wish.aborted) await this.#daemons.reconfigure()
    }
    return await this.#until(shown, SLOT_LIMIT_MS, wish)
  }

  /** Asks until the answer is true or `limitMs` is over; each question may take twice as long as the one before. */
  async #until(ask: (limit: CommandOptions) => Promise<boolean>, limitMs: number, wish: AbortSignal): Promise<boolean> {
    const { clock } = this.#parts
    const deadline = clock.now() + limitMs
    for (let patience = EARLY_QUESTION_LIMIT_MS; !wish.aborted; patience *= 2) {
      if (await ask({ limitMs: Math.min(patience, QUESTION_LIMIT_MS), signal: wish })) return true
      if (clock.now() >= deadline) return false
      await sleep(clock, ASK_AGAIN_MS)
    }
    return false
  }
}

function silent(manager: Ip4): WowError {
  return new WowError(
    'CONDOR_COLLECTOR_SILENT',
    `The collector of the manager ${formatIp4(manager)} does not answer.`,
    'See /var/log/condor/CollectorLog there; the agent tries again, and another machine takes over if it stays away.',
  )
}

function slotMissing(): WowError {
  return new WowError(
    'CONDOR_SLOT_MISSING',
    'The pool does not show a slot of this machine.',
    'See /var/log/condor/StartLog and MasterLog; the agent tries again.',
  )
}

function asProblem(error: unknown): WowError {
  if (error instanceof WowError) return error
  return new WowError('CONDOR_FAILED', `The pool cannot be configured: ${messageOf(error)}.`, 'The agent tries again.')
}
