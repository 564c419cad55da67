/**
 * The boot sequence as a list of named phases, each with a time and, on failure, a code, a sentence and a remedy.
 *
 * This one list feeds the console, the log, `wow status`, `wow doctor` and the metrics, so they never disagree. Times
 * are milliseconds since the process started, including Node's own start-up.
 */

import type { WowError } from '../core/errors.ts'

/**
 * In boot order. `linked`: the first link, or alone. `connected`: correctly connected, the paper's T1 (figure 5).
 * `namespace`: its record is known. `ready`: everything answers. `leased`: a client has an address, the paper's T2
 * (figure 4).
 */
export const PHASES = ['started', 'listening', 'linked', 'connected', 'namespace', 'tap', 'ready', 'leased'] as const
/** `pool`: the HTCondor pool shows this machine; reached again whenever the pool's manager changes. */
export const POOL_PHASES = [...PHASES, 'pool'] as const
export type PhaseName = (typeof POOL_PHASES)[number]

/** The phases of a member without a tap. */
export const CARRIER_PHASES: readonly PhaseName[] = [
  'started',
  'listening',
  'linked',
  'connected',
  'namespace',
  'ready',
]

/** The phases of a node without a namespace, which only carries others' traffic. */
export const PLAIN_PHASES: readonly PhaseName[] = ['started', 'listening', 'linked', 'connected', 'ready']

export type PhaseFields = Readonly<Record<string, string | number | boolean>>

export interface Reached {
  readonly name: PhaseName
  readonly ms: number
  readonly fields: PhaseFields
}

export interface Failed {
  readonly code: string
  readonly message: string
  readonly hint: string
  readonly ms: number
}

export class Phases {
  /** The phases that this node goes through, in order. */
  readonly expected: readonly PhaseName[]
  readonly #elapsedMs: () => number
  readonly #reached = new Map<PhaseName, Reached>()
  readonly #listeners: ((reached: Reached) => void)[] = []
  #failed: Failed | undefined

  /** `elapsedMs`: milliseconds since the process started; `performance.now()` counts from there. */
  constructor(expected: readonly PhaseName[], elapsedMs: () => number = () => performance.now()) {
    this.expected = expected
    this.#elapsedMs = elapsedMs
  }

  /** Marks a phase as reached; only the first time counts. */
  reach(name: PhaseName, fields: PhaseFields = {}): void {
    if (!this.#reached.has(name)) this.reachAgain(name, fields)
  }

  /** Marks a phase as reached now, whether or not it was before. */
  reachAgain(name: PhaseName, fields: PhaseFields = {}): void {
    const reached = { name, ms: Math.round(this.#elapsedMs()), fields }
    this.#reached.set(name, reached)
    for (const listener of this.#listeners) listener(reached)
  }

  /** Marks the boot as failed: it goes no further. */
  fail({ code, message, hint }: WowError): Failed {
    this.#failed = { code, message, hint, ms: Math.round(this.#elapsedMs()) }
    return this.#failed
  }

  /** `listener` also gets the phases reached before. */
  onReached(listener: (reached: Reached) => void): void {
    for (const reached of this.#reached.values()) listener(reached)
    this.#listeners.push(listener)
  }

  get(name: PhaseName): Reached | undefined {
    return this.#reached.get(name)
  }

  /** The last phase reached with none missing before it: the tap is up long before the ring is. */
  get current(): PhaseName {
    const missing = this.expected.findIndex((name) => !this.#reached.has(name))
    const last = missing < 0 ? this.expected.length - 1 : missing - 1
    return this.expected[Math.max(0, last)] ?? 'started'
  }

  get failed(): Failed | undefined {
    return this.#failed
  }
}

/** `wow: phase=leased ms=1234 ip=10.128.0.7`: the line that consoles show and scripts match. */
export function phaseLine({ name, ms, fields }: Reached): string {
  const tail = Object.entries(fields).map(([key, value]) => ` ${key}=${inLine(value)}`)
  return `wow: phase=${name} ms=${ms}${tail.join('')}`
}

/** `wow: phase=failed ms=1234 code=… message="…" hint="…"`. */
export function failureLine({ code, message, hint, ms }: Failed): string {
  return `wow: phase=failed ms=${ms} code=${code} message=${inLine(message)} hint=${inLine(hint)}`
}

function inLine(value: string | number | boolean): string {
  const text = String(value)
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text)
}
