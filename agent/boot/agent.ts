/**
 * The agent's boot sequence: the only file that knows every part.
 *
 * plan (checks only) -> state folder -> identity -> tap -> listening -> linked -> connected -> ready -> leased.
 * The tap comes early so that a DHCP client can start at once; the client is answered as soon as the ring allows.
 */

import type { Consoles } from '../control/console.ts'
import type { AgentFacts } from '../control/facts.ts'
import {
  CARRIER_PHASES,
  failureLine,
  PHASES,
  type PhaseName,
  Phases,
  PLAIN_PHASES,
  POOL_PHASES,
  phaseLine,
} from '../control/phases.ts'
import { ControlServer } from '../control/server.ts'
import { StatusScreen } from '../control/status-screen.ts'
import { every, SystemClock, type Timer } from '../core/clock.ts'
import { InputError, messageOf, WowError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import { SystemRandom } from '../core/random.ts'
import { type MachineFacts, machineFacts, machineFingerprint } from '../host/machine.ts'
import { MAX_REMEMBERED } from '../host/state-folder.ts'
import { Lanes } from '../native/lanes.ts'
import { giveBackMemory } from '../native/memory.ts'
import { AGENT_MAC } from '../net/constants.ts'
import { formatAddress } from '../overlay/address.ts'
import { type LoadedIdentity, loadOrCreateIdentity } from '../transport/identity.ts'
import { VERSION } from '../version.ts'
import { type AgentConfig, everywhere } from './config.ts'
import { joinRing } from './join.ts'
import { Member, openTap } from './member.ts'
import { OverlayNode } from './overlay-node.ts'
import type { Plan } from './plan.ts'
import { RecordDuty } from './record-duty.ts'

/** How often the peers are saved, ms; the first time comes sooner, because many runs are short. */
const REMEMBER_PERIOD_MS = 60_000
const REMEMBER_FIRST_MS = 5_000
/** When to read the machine's facts, ms after `ready`: that is slow, so it comes last, after the clients' turn. */
const MACHINE_FACTS_DELAY_MS = 10_000

export class Agent {
  readonly #config: AgentConfig
  readonly #plan: Plan
  readonly #log: Log
  readonly #clock = new SystemClock()
  readonly #random = new SystemRandom()
  readonly #phases: Phases
  readonly #consoles: Consoles
  readonly #screen: StatusScreen | undefined
  readonly #timers: Timer[] = []
  #control: ControlServer | undefined
  #identity: LoadedIdentity | undefined
  #tap: ReturnType<typeof openTap> | undefined
  #node: OverlayNode | undefined
  #member: Member | undefined
  /** Of a member without a tap; a `Member` has its own. */
  #record: RecordDuty | undefined
  #machine: MachineFacts | undefined
  #break: (error: WowError) => void = () => {}

  /** Rejects when the running agent cannot go on. */
  readonly broken: Promise<never>

  constructor(
    config: AgentConfig,
    { plan, consoles, log, notes }: { plan: Plan; consoles: Consoles; log: Log; notes: readonly string[] },
  ) {
    this.#config = config
    this.#plan = plan
    this.#log = log
    this.#phases = new Phases(phasesOf(config, plan))
    this.#consoles = consoles
    if (config.screen !== undefined) {
      const parts = { path: config.screen, clock: this.#clock, random: this.#random }
      this.#screen = new StatusScreen({ ...parts, facts: () => this.#facts() })
      for (const note of notes) this.#screen.line(note)
    }
    this.broken = new Promise((_, reject) => {
      this.#break = reject
    })
    this.broken.catch(() => {}) // It may reject before `runAgent` waits for it.
    this.#phases.onReached((reached) => {
      this.#say(phaseLine(reached))
      if (config.log === 'text') process.stdout.write(`${phaseLine(reached)}\n`)
      else log.info(`phase ${reached.name}`, { phase: reached.name, ms: reached.ms, ...reached.fields })
    })
  }

  /** Shows a line to people at the machine. */
  #say(line: string): void {
    this.#consoles.line(line)
    this.#screen?.line(line)
  }

  async start(): Promise<void> {
    this.#plan.state.claim()
    this.#phases.reach('started', { version: VERSION })
    this.#control = new ControlServer(this.#plan.state.socket, () => this.#facts(), this.#log)
    await this.#control.start()
    const identity = await this.#identify()
    this.#openTap(identity)
    const node = await this.#listen(identity)
    await joinRing(node, this.#plan, this.#clock)
    const [first] = node.ring.status().links
    this.#phases.reach('linked', first === undefined ? { alone: true } : { to: first.remote })
    await node.connected
    this.#phases.reach('connected', { nodes: Math.max(1, Math.round(node.ring.estimatedSize)) })
    await node.dhtReady
    await Promise.all([this.#member?.serve(), this.#member?.joinPool(), this.#record?.serve()])
    this.#phases.reach('ready')
    this.#lookAfter(node)
  }

  async #identify(): Promise<LoadedIdentity> {
    const identity = await loadOrCreateIdentity(this.#plan.state.path, machineFingerprint())
    if (identity.replaced) {
      this.#log.warn('this is a copy on another machine: it gets an identity and leases of its own')
      // With these leases' passwords this node would take the original node's addresses.
      this.#plan.membership?.leases.save([])
      this.#say('wow: copy=true message="The state is that of another machine: this node gets an identity of its own."')
    }
    this.#identity = identity
    return identity
  }

  #openTap(identity: LoadedIdentity): void {
    const { membership } = this.#plan
    if (membership === undefined) return
    const name = this.#config.tap
    const mtu = this.#config.mtu ?? membership.token.signed.record.mtu
    const onGone = (code: string) => this.#break(tapGone(name, code))
    this.#tap = openTap({ name, mtu, node: identity.address, onGone })
    const { tap, offloads } = this.#tap
    this.#phases.reach('tap', { name, mac: tap.mac, mtu: tap.mtu, offloads })
  }

  async #listen(identity: LoadedIdentity): Promise<OverlayNode> {
    const { announce, mdns, portMapping } = this.#config
    const world = { log: this.#log, clock: this.#clock, random: this.#random }
    const common = { identity, announce, mdns, portMapping, ringKey: this.#plan.ringKey, ...world }
    const lanes = this.#tap?.lanes ?? Lanes.orNone(AGENT_MAC)
    const hiddenInterfaces = this.#tap === undefined ? [] : [this.#tap.tap.name]
    const open = (listen: readonly string[]) => OverlayNode.open({ ...common, listen, hiddenInterfaces, lanes })
    const node = await this.#openSomewhere(open)
    this.#node = node
    node.ring.onTwin = () => this.#becomeAnother()
    const { membership, namespace } = this.#plan
    if (this.#tap !== undefined && membership !== undefined) {
      this.#member = new Member({
        ...common,
        ...this.#tap,
        node,
        membership,
        phases: this.#phases,
        onLost: this.#config.onLost,
        condor: this.#config.condor,
      })
      this.#member.start()
    } else if (namespace !== undefined) {
      this.#record = new RecordDuty({ ...world, dht: node.dht, namespace, phases: this.#phases })
    }
    // What people copy: the same host and port over UDP go without saying.
    const at = node.links.endpoints().find((text) => text.includes('/tcp/')) ?? 'nowhere'
    this.#phases.reach('listening', { address: formatAddress(identity.address), at })
    return node
  }

  /** The ring found that this machine's disk is a copy, which the machine itself could not tell. */
  #becomeAnother(): void {
    this.#plan.state.disown()
    this.#say('wow: copy=true message="Another node with this identity is on the ring: this one becomes a new node."')
    this.#break(
      new WowError(
        'IDENTITY_TWICE',
        'Another node with the identity of this one has been on the ring for longer; this one has given it up.',
        'Start the agent again: it makes a new identity. Give copies of a machine a UUID of their own.',
      ),
    )
  }

  /** Listens where the user says; else on the last run's port, where other nodes look for this one; else on any. */
  async #openSomewhere(open: (listen: readonly string[]) => Promise<OverlayNode>): Promise<OverlayNode> {
    const { port } = this.#plan.remembered
    if (this.#config.listen.length > 0) return open(this.#config.listen)
    if (port === 0) return open(everywhere(0))
    try {
      return await open(everywhere(port))
    } catch (error) {
      if (!(error instanceof InputError)) throw error
      this.#log.info('the port of the last run is taken', { port })
      return open(everywhere(0))
    }
  }

  /** Starts the periodic work of a running agent. */
  #lookAfter(node: OverlayNode): void {
    const remember = () => this.#remember(node)
    this.#timers.push(
      this.#clock.after(REMEMBER_FIRST_MS, remember),
      every(this.#clock, this.#random, REMEMBER_PERIOD_MS, remember),
      this.#clock.after(MACHINE_FACTS_DELAY_MS, () => void this.#askMachine().then(() => giveBackMemory(this.#log))),
    )
  }

  #remember(node: OverlayNode): void {
    // A node that lost all its peers still remembers where they were.
    const peers = [...new Set([...node.lastingEndpoints(), ...this.#plan.remembered.peers])].slice(0, MAX_REMEMBERED)
    try {
      this.#plan.state.remember({ port: node.port, peers })
    } catch (error) {
      this.#log.warn('the peers could not be written down', { reason: messageOf(error) })
    }
  }

  async #askMachine(): Promise<void> {
    try {
      this.#machine = await machineFacts()
    } catch (error) {
      this.#log.warn('the machine says nothing about itself', { reason: messageOf(error) })
    }
  }

  fail(error: unknown): void {
    if (!(error instanceof WowError)) return
    this.#say(failureLine(this.#phases.fail(error)))
  }

  /** Leaves the ring, keeps the leases on disk, removes the tap. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) timer.cancel()
    this.#screen?.close()
    if (this.#node !== undefined) this.#remember(this.#node)
    await this.#member?.stop()
    this.#record?.stop()
    if (this.#member === undefined) this.#tap?.tap.close()
    await this.#node?.stop()
    await this.#control?.stop()
    this.#plan.state.release()
  }

  #facts(): AgentFacts {
    const ring = this.#node?.ring
    return {
      version: VERSION,
      stateFolder: this.#plan.state.path,
      phases: this.#phases,
      peerId: this.#identity?.peerId,
      address: this.#identity?.address,
      endpoints: this.#node?.links.endpoints() ?? [],
      links: this.#node?.linkFacts(),
      ring: ring?.status(),
      alone: ring?.alone ?? false,
      dhtReady: this.#node?.dht.ready ?? false,
      bootstrap: [...this.#plan.bootstrap, ...this.#plan.remembered.peers],
      ringKind: this.#plan.ringKey === undefined ? 'shared' : 'own',
      machine: this.#machine,
      namespace: this.#member?.facts(),
      carried: this.#record?.keeper.signed,
    }
  }
}

function phasesOf(config: AgentConfig, plan: Plan): readonly PhaseName[] {
  if (plan.namespace === undefined) return PLAIN_PHASES
  if (plan.membership === undefined) return CARRIER_PHASES
  return config.condor === undefined ? PHASES : POOL_PHASES
}

function tapGone(name: string, code: string): WowError {
  return new WowError('TAP_GONE', `Somebody removed the tap ${name} (${code}).`, 'Start the agent again.')
}
