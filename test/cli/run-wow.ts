/** Runs the real command line, from sources, in its own process. */

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const WOW = fileURLToPath(new URL('../../agent/cli/wow.ts', import.meta.url))
const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url))

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  /** `$WOW_HOME`. */
  readonly home: string
  /** A command that runs `wow`, such as `unshare -m`. */
  readonly under?: readonly string[]
  readonly input?: string
}

/** The command and its arguments, for a test that starts it and talks to it. */
export function wowCommand(args: readonly string[]): [string, ...string[]] {
  return [process.execPath, '--import', 'tsx', WOW, ...args]
}

export function runWow(args: readonly string[], { home, under = [], input = '' }: RunOptions): Promise<Ran> {
  const [command = '', ...rest] = [...under, ...wowCommand(args)]
  return new Promise((resolve, reject) => {
    const child = spawn(command, rest, { cwd: CHECKOUT, env: { ...process.env, WOW_HOME: home, NODE_OPTIONS: '' } })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (part) => {
      stdout += part
    })
    child.stderr.on('data', (part) => {
      stderr += part
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr }))
    child.stdin.end(input)
  })
}
