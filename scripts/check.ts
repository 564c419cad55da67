/** `make check`: types, lint and format, and the house rules. The exit code is 0 only when all of them hold. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { inspectHouse } from './house/inspect.ts'
import { run } from './lib/main.ts'
import { inRoot } from './lib/paths.ts'
import { say, step } from './lib/progress.ts'

await run(async () => {
  const types = await step('types', () => succeeds('tsc', '--noEmit'))
  const style = await step('lint and format', () => succeeds('biome', 'check', '--error-on-warnings'))
  const faults = await step('the house: floors, circles, lengths, nothing unseen, nothing dead', inspectHouse)
  for (const fault of faults) say(`error: ${fault}`)
  if (!types || !style || faults.length > 0) process.exitCode = 1
})

async function succeeds(...argv: readonly string[]): Promise<boolean> {
  const child = spawn('npx', argv, { cwd: inRoot(), stdio: ['ignore', 'inherit', 'inherit'] })
  const [code] = await once(child, 'close')
  return code === 0
}
