/** `wow sim`: starts the simulator, a separate program beside this one that an appliance does not contain. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { InputError } from '../core/errors.ts'
import { EXIT_FAILED } from './output.ts'

/** Runs `build/sim.cjs` (sim/command.ts) and takes its exit code. @throws InputError when it is not installed */
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
