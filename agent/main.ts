/**
 * Runs an agent from its configuration to its exit: signals, the log and the consoles. boot/agent.ts does the work in
 * between.
 */

import { Agent } from './boot/agent.ts'
import type { AgentConfig } from './boot/config.ts'
import { makePlan } from './boot/plan.ts'
import { Consoles } from './control/console.ts'
import { failureLine } from './control/phases.ts'
import { SystemClock, sleep } from './core/clock.ts'
import { WowError } from './core/errors.ts'
import { createLogger } from './core/log.ts'
import { takePrecedence } from './host/precedence.ts'

/** How long stopping may take, ms. */
const STOP_LIMIT_MS = 2_000

/**
 * Runs until SIGINT or SIGTERM; `notes` are lines for the consoles.
 *
 * @throws InputError for bad input, WowError when the agent cannot go on; everything is then cleaned up.
 */
export async function runAgent(config: AgentConfig, notes: readonly string[] = []): Promise<void> {
  takePrecedence()
  const log = createLogger({ format: config.log, level: process.env.WOW_DEBUG === undefined ? 'info' : 'debug' })
  const consoles = new Consoles(config.console, log)
  for (const note of notes) consoles.line(note)
  const plan = await makePlan(config).catch((error: unknown) => {
    // There is no agent yet to report it.
    if (error instanceof WowError)
      consoles.line(
        failureLine({ code: error.code, message: error.message, hint: error.hint, ms: Math.round(performance.now()) }),
      )
    throw error
  })
  const agent = new Agent(config, { plan, consoles, log, notes })
  const stopRequested = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
  process.on('uncaughtException', (error) => {
    log.error('internal error', { reason: error.stack ?? error.message })
    process.exit(1)
  })
  try {
    await Promise.race([agent.start().then(() => agent.broken), stopRequested])
    log.info('stopping')
  } catch (error) {
    agent.fail(error)
    throw error
  } finally {
    await Promise.race([agent.stop(), sleep(new SystemClock(), STOP_LIMIT_MS)])
  }
}
