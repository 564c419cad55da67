/**
 * One agent in the lab: runs `wow up` in a network namespace, and reads its phases and log as it runs.
 *
 * The agent can be stopped, killed and restarted with the same state folder, as on a machine that reboots.
 */

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { askAgent } from '../agent/control/client.ts'
import type { Diagnosis } from '../agent/control/doctor.ts'
import type { PhaseName } from '../agent/control/phases.ts'
import type { PeerStatus, Status } from '../agent/control/status.ts'
import type { NamespaceChild, Place } from './network-namespace.ts'

/** After this long something hangs, and the lab reports it, ms. */
const PATIENCE_MS = 60_000
const LOG_LINES = 400

export interface AgentOptions {
  readonly netns: Place
  /** State folder; kept over restarts. */
  readonly state: string
  /** Undefined: a plain overlay node. */
  readonly token?: string
  /** Of the ring that a plain node carries; undefined: a shared one. */
  readonly ringKey?: string | undefined
  readonly bootstrap?: readonly string[]
  readonly listen?: string
  readonly announce?: string
  readonly tap?: string
  /** Looks for other agents on the LAN; off by default, so that the lab decides which agents meet. */
  readonly mdns?: boolean
  /** Pool settings, as `--condor` takes them; undefined: no pool. */
  readonly condor?: string
}

export interface PhaseSeen {
  /** As the agent counts, from the start of its process, ms. */
  readonly ms: number
  /** As the lab counts, from just before it started the agent, including the lab's launchers, ms. */
  readonly sinceSpawnMs: number
  readonly fields: Readonly<Record<string, unknown>>
}

interface Running {
  readonly child: NamespaceChild
  readonly spawnedAt: number
  readonly exited: Promise<number | null>
  readonly phases: Map<string, PhaseSeen>
  over: boolean
}

export class AgentProcess {
  readonly options: AgentOptions
  #running: Running
  readonly #log: string[] = []
  readonly #waiting = new Set<() => void>()

  constructor(options: AgentOptions) {
    this.options = options
    this.#running = this.#spawn()
  }

  get pid(): number {
    return this.#running.child.pid ?? 0
  }

  /** The last lines that the agent logged, over all its runs. */
  get log(): readonly string[] {
    return this.#log
  }

  /** Resolves when the agent has reached the phase. @throws when the agent ends first or takes more than a minute. */
  async phase(name: PhaseName): Promise<PhaseSeen> {
    const running = this.#running
    await this.#until(() => running.phases.has(name) || running.over, `the phase ${name}`)
    const seen = running.phases.get(name)
    if (seen === undefined) throw new Error(`${this.#name} ended before the phase ${name}:\n${this.#tail()}`)
    return seen
  }

  /** Resolves with the first log line that contains `text`, from the `after`-th line on. */
  async logged(text: string, after = 0): Promise<string> {
    const find = () => this.#log.slice(after).find((line) => line.includes(text))
    await this.#until(() => find() !== undefined || this.#running.over, JSON.stringify(text))
    const found = find()
    if (found === undefined) throw new Error(`${this.#name} ended without saying ${text}:\n${this.#tail()}`)
    return found
  }

  async status(): Promise<Status> {
    return (await askAgent(this.options.state, '/status')) as Status
  }

  async peers(): Promise<PeerStatus[]> {
    return (await askAgent(this.options.state, '/peers')) as PeerStatus[]
  }

  async doctor(): Promise<Diagnosis> {
    return (await askAgent(this.options.state, '/doctor')) as Diagnosis
  }

  /** Resident memory: now, at its peak, or the part now that no file backs; bytes (proc(5)). */
  rssBytes(field: 'VmRSS' | 'VmHWM' | 'RssAnon' = 'VmRSS'): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8')
    const kiB = new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]
    return Number(kiB) * 1024
  }

  /** The exit code, once the agent ends; null when it was killed. */
  get exited(): Promise<number | null> {
    return this.#running.exited
  }

  /** Sends SIGTERM; returns the exit code. */
  async stop(): Promise<number | null> {
    if (!this.#running.over) this.#running.child.kill('SIGTERM')
    return await this.#running.exited
  }

  /** Sends SIGKILL, as if the power failed. */
  async kill(): Promise<void> {
    if (!this.#running.over) this.#running.child.kill('SIGKILL')
    await this.#running.exited
  }

  /** Starts the agent again on the same state folder. */
  start(): void {
    if (!this.#running.over) throw new Error(`${this.#name} still runs`)
    this.#running = this.#spawn()
  }

  get #name(): string {
    return `the agent of ${this.options.netns.label}`
  }

  #tail(): string {
    return this.#log.slice(-15).join('\n')
  }

  #spawn(): Running {
    const [program, ...first] = this.options.netns.wow
    const spawnedAt = Date.now()
    const child = this.options.netns.spawn(program, [...first, 'up', ...argumentsOf(this.options)])
    const phases = new Map<string, PhaseSeen>()
    const exited = once(child, 'close').then(([code]) => {
      running.over = true
      this.#wake()
      return code as number | null
    })
    const running: Running = { child, spawnedAt, exited, phases, over: false }
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        this.#log.push(line)
        if (this.#log.length > LOG_LINES) this.#log.shift()
        const seen = phaseIn(line, spawnedAt)
        if (seen !== undefined) phases.set(...seen)
        this.#wake()
      })
    }
    return running
  }

  async #until(holds: () => boolean, what: string): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS
    while (!holds()) {
      const left = deadline - Date.now()
      if (left <= 0) throw new Error(`${this.#name} did not come to ${what} in time:\n${this.#tail()}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#waiting.add(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }
}

function argumentsOf({
  state,
  token,
  ringKey,
  bootstrap = [],
  listen,
  announce,
  tap,
  mdns = false,
  condor,
}: AgentOptions): string[] {
  const argv = ['--log', 'json', '--state', state]
  if (!mdns) argv.push('--no-mdns')
  if (token !== undefined) argv.push('--token', token)
  if (ringKey !== undefined) argv.push('--ring-key', ringKey)
  for (const address of bootstrap) argv.push('--bootstrap', address)
  if (listen !== undefined) argv.push('--listen', listen)
  if (announce !== undefined) argv.push('--announce', announce)
  if (tap !== undefined) argv.push('--tap', tap)
  if (condor !== undefined) argv.push(`--condor=${condor}`)
  return argv
}

/** `{"level":30,"time":"…","phase":"linked","ms":412,…,"msg":"phase linked"}`. */
function phaseIn(line: string, spawnedAt: number): [string, PhaseSeen] | undefined {
  if (!line.startsWith('{') || !line.includes('"phase"')) return undefined
  const { phase, ms, time, level: _level, msg: _msg, ...fields } = JSON.parse(line) as Record<string, unknown>
  if (typeof phase !== 'string' || typeof ms !== 'number' || typeof time !== 'string') return undefined
  return [phase, { ms, sinceSpawnMs: Date.parse(time) - spawnedAt, fields }]
}
