/**
 * The agent's status on a terminal without input (the appliance's `tty1`): address, ring, last problem, and below them
 * the lines that the consoles get. It tells a person who has only a screen how the machine is.
 *
 * The screen is redrawn for every line and every few seconds; a terminal that cannot be written never holds up the
 * agent.
 */

import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { hostname } from 'node:os'
import { type Clock, every, type Timer } from '../core/clock.ts'
import { formatIp4 } from '../core/ip.ts'
import type { Random } from '../core/random.ts'
import { diagnose } from './doctor.ts'
import type { AgentFacts } from './facts.ts'
import { statusOf } from './status.ts'

const DRAW_PERIOD_MS = 5_000
/** A failed check that passes within this time, ms, is part of a normal start, not a problem. */
const PROBLEM_AFTER_MS = 20_000
/** Console lines shown. A text terminal has 25 lines; the status above takes the others. */
const MAX_LINES = 12
const HOME = '\x1b[H'
const CLEAR_LINE = '\x1b[K'
const CLEAR_BELOW = '\x1b[J'
/** Non-blocking: a screen that the terminal cannot take now is lost, the next one is not. */
const TERMINAL = constants.O_WRONLY | constants.O_NOCTTY | constants.O_NONBLOCK

export interface ScreenParts {
  readonly path: string
  readonly facts: () => AgentFacts
  readonly clock: Clock
  readonly random: Random
}

export class StatusScreen {
  readonly #parts: ScreenParts
  readonly #lines: string[] = []
  readonly #timer: Timer
  #broken: { readonly text: string; readonly since: number } | undefined
  #problem: string | undefined

  constructor(parts: ScreenParts) {
    this.#parts = parts
    this.#timer = every(parts.clock, parts.random, DRAW_PERIOD_MS, () => this.#draw())
  }

  /** Shows a line that the consoles get. */
  line(text: string): void {
    this.#lines.push(text)
    if (this.#lines.length > MAX_LINES) this.#lines.shift()
    this.#draw()
  }

  close(): void {
    this.#timer.cancel()
  }

  #draw(): void {
    const facts = this.#parts.facts()
    this.#noteProblem(facts)
    const text = [...screenLines(facts, hostname(), this.#problem ?? 'none'), '', ...this.#lines]
    const drawn = text.map((line) => `${line}${CLEAR_LINE}`).join('\r\n')
    try {
      const terminal = openSync(this.#parts.path, TERMINAL)
      try {
        writeSync(terminal, `${HOME}${drawn}${CLEAR_BELOW}`)
      } finally {
        closeSync(terminal)
      }
    } catch {
      // The consoles and the journal have the same information.
    }
  }

  /** A problem stays on the screen after it has passed, for people who look later. */
  #noteProblem(facts: AgentFacts): void {
    const broken = diagnose(facts).checks.find(({ ok }) => !ok)
    if (broken === undefined) {
      this.#broken = undefined
      return
    }
    const text = `${broken.code}: ${broken.detail} ${broken.hint}`.trim()
    const now = this.#parts.clock.now()
    if (this.#broken?.text !== text) this.#broken = { text, since: now }
    const hasFailed = facts.phases.failed !== undefined
    if (!hasFailed && now - this.#broken.since < PROBLEM_AFTER_MS) return
    const time = new Date().toISOString().slice(11, 16)
    if (this.#problem?.startsWith(text) !== true) this.#problem = `${text} (${time} UTC)`
  }
}

/** The lines above the console lines. */
export function screenLines(facts: AgentFacts, host: string, problem: string): string[] {
  const { ring, namespace, leases, phase, version } = statusOf(facts)
  const addresses = leases.map(({ ip, expiresInS }) => `${ip} (for ${duration(expiresInS)})`)
  const sides = ring.alone ? 'a ring of one: no other node is known' : `about ${ring.estimatedSize} nodes`
  const rows: [string, string][] = [
    ['virtual IP', addresses.join(', ') || 'none yet'],
    [
      'namespace',
      namespace === null ? 'none: carries others' : `${namespace.name} (${namespace.id}), ${namespace.pool}`,
    ],
    ['ring', ring.correctlyConnected ? sides : 'not connected yet'],
    ...managerRow(facts),
    ['phase', phase],
    ['last problem', problem],
  ]
  return [
    `  WOW ${version} on ${host}`,
    '',
    ...rows.map(([label, value]) => `  ${label.padEnd(12)}  ${value}`),
    '',
    '  Alt+F2: a shell. There: sudo wow status, sudo wow doctor',
  ]
}

/** The pool manager's row, if this machine is in an HTCondor pool. */
function managerRow({ namespace }: AgentFacts): [string, string][] {
  const condor = namespace?.condor
  if (condor === undefined) return []
  if (condor.leading) return [['manager', 'this machine']]
  return [['manager', condor.manager === undefined ? 'none yet' : formatIp4(condor.manager.ip)]]
}

function duration(seconds: number): string {
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  return `${Math.round(seconds / 3600)} h`
}
