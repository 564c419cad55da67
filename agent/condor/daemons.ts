/**
 * Controls HTCondor's daemons: starts them, makes them reread their configuration, and queries them, all with time
 * limits.
 *
 * Running daemons are never restarted because of a new manager: `condor_reconfig` starts and stops what a role needs.
 * They are restarted only when this machine's own address changed, because they listen on it.
 */

import { existsSync } from 'node:fs'
import { WowError } from '../core/errors.ts'
import type { CommandOptions, Commands } from './commands.ts'

/** Time limits of commands, ms. A healthy tool needs half a second; an emulated or starved machine needs more. */
const COMMAND_LIMIT_MS = 20_000
const START_LIMIT_MS = 30_000
/** Time limit for a query, ms. */
export const QUESTION_LIMIT_MS = 10_000
const QUESTION: CommandOptions = { limitMs: QUESTION_LIMIT_MS }
/** Exists when systemd runs (sd_booted(3)). */
const SYSTEMD = '/run/systemd/system'
const NO_MASTER = /can't find address|failed to connect|connection refused|can't connect/i

export interface PoolSize {
  readonly hosts: number
  readonly slots: number
}

export class Daemons {
  readonly #commands: Commands

  constructor(commands: Commands) {
    this.#commands = commands
  }

  /** Makes running daemons reread their configuration; false if none run. @throws WowError when they do not answer. */
  async reconfigure(): Promise<boolean> {
    const result = await this.#commands.run('condor_reconfig', [], { limitMs: COMMAND_LIMIT_MS })
    if (result.kind === 'ok') return true
    if (result.kind === 'failed' && NO_MASTER.test(result.said)) return false
    throw new WowError(
      result.kind === 'hung' ? 'CONDOR_RECONFIG_HUNG' : 'CONDOR_RECONFIG_FAILED',
      `condor_reconfig did not take the new configuration: ${result.said}.`,
      'See /var/log/condor/MasterLog; the agent tries again.',
    )
  }

  /** Starts or restarts all daemons. @throws WowError */
  async start(how: 'start' | 'restart'): Promise<void> {
    const [program, ...args] = existsSync(SYSTEMD)
      ? ['systemctl', how, 'condor.service']
      : how === 'start'
        ? ['condor_master']
        : ['condor_restart', '-fast']
    const result = await this.#commands.run(program ?? '', args, { limitMs: START_LIMIT_MS })
    if (result.kind === 'ok') return
    throw new WowError(
      'CONDOR_START_FAILED',
      `HTCondor does not start: ${result.said}.`,
      'See /var/log/condor/MasterLog and `condor_config_val -dump`; the agent tries again.',
    )
  }

  /** Whether the collector at `ip` answers within the limit. */
  async collectorAnswers(ip: string, limit: CommandOptions): Promise<boolean> {
    const asked = await this.#ask('condor_status', ['-pool', ip, '-collector', '-af', 'Name'], limit)
    return asked !== undefined && asked.trim() !== ''
  }

  /** Whether, within the limit, the pool shows a slot of the machine `hostname`. */
  async showsSlot(hostname: string, limit: CommandOptions): Promise<boolean> {
    const which = ['-constraint', `Machine == "${hostname}"`, '-limit', '1']
    const asked = await this.#ask('condor_status', [...which, '-af', 'Name'], limit)
    return asked !== undefined && asked.trim() !== ''
  }

  /** Matches waiting jobs now. This takes long while the queue's daemon still waits for a manager that died. */
  async reschedule(): Promise<void> {
    await this.#ask('condor_reschedule', [])
  }

  /** The pool's size according to the manager's collector; undefined when it does not answer. */
  async poolSize(): Promise<PoolSize | undefined> {
    const [masters, slots] = await Promise.all([
      this.#ask('condor_status', ['-master', '-af', 'MyType']),
      this.#ask('condor_status', ['-af', 'SlotType']),
    ])
    if (masters === undefined || slots === undefined) return undefined
    return { hosts: lines(masters), slots: lines(slots) }
  }

  async #ask(program: string, args: readonly string[], limit = QUESTION): Promise<string | undefined> {
    const result = await this.#commands.run(program, args, limit)
    return result.kind === 'ok' ? result.stdout : undefined
  }
}

function lines(text: string): number {
  return text.split('\n').filter((line) => line.trim() !== '').length
}
