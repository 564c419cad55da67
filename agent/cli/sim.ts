/** `wow sim`: the simulator is a program of its own beside this one; an appliance comes without it. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { InputError } from '../core/errors.ts'
import { EXIT_FAILED } from './output.ts'

/** Runs `build/sim.cjs` (sim/command.ts) and ends as it does. @throws InputError where there is none */
export async function simulate(options: object): Promise<void> {
  const program = fileURLToPath(new URL('sim.cjs', import.meta.url))
  if (!existsSync(program)) {
    throw new InputError(
      'SIMULATOR_MISSING',
      'The simulator is not installed with this wow.',
      'Run `npx wow sim` in a checkout.',
    )
  }
  const child = spawn(process.execPath, [program, JSON.stringify(options)], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  const [code] = await once(child, 'exit')
  process.exitCode = code ?? EXIT_FAILED
}
