/**
 * HTCondor's daemons as the agent drives them: start, read the configuration again, ask, each with a limit in time.
 *
 * Running daemons are never restarted because of another manager: `condor_reconfig` starts and stops what a role needs.
 * Only when this machine's own address changed there is no other way, for they listen on it.
 */

import { existsSync } from 'node:fs'
import { WowError } from '../core/errors.ts'
import type { CommandOptions, Commands } from './commands.ts'

/** A healthy tool answers within half a second; a machine that is emulated or starved needs more, ms. */
const COMMAND_LIMIT_MS = 20_000
const START_LIMIT_MS = 30_000
/** A question, ms. */
export const QUESTION_LIMIT_MS = 10_000
const QUESTION: CommandOptions = { limitMs: QUESTION_LIMIT_MS }
/** There when systemd runs (sd_booted(3)). */
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

  /** Makes running daemons read their configuration; false when none run. @throws WowError when they do not answer. */
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

  /** Starts the daemons, or all of them anew. @throws WowError */
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

  /** Whether the collector of the machine with this address answers within the limit. */
  async collectorAnswers(ip: string, limit: CommandOptions): Promise<boolean> {
    const asked = await this.#ask('condor_status', ['-pool', ip, '-collector', '-af', 'Name'], limit)
    return asked !== undefined && asked.trim() !== ''
  }

  /** Whether the pool shows within the limit a slot of the machine with this name. */
  async showsSlot(hostname: string, limit: CommandOptions): Promise<boolean> {
    const which = ['-constraint', `Machine == "${hostname}"`, '-limit', '1']
    const asked = await this.#ask('condor_status', [...which, '-af', 'Name'], limit)
    return asked !== undefined && asked.trim() !== ''
  }

  /** Jobs that wait are looked at now. It takes long where the queue's daemon still waits for a manager that died. */
  async reschedule(): Promise<void> {
    await this.#ask('condor_reschedule', [])
  }

  /** As the manager's collector knows it; undefined when it does not answer. */
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
