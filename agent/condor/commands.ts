/** Runs system programs with a time limit: a program that hangs is killed and never holds up the agent. */

import { execFile } from 'node:child_process'
import { giveUpPrecedence } from '../host/precedence.ts'

export type CommandResult =
  | { readonly kind: 'ok'; readonly stdout: string }
  /** The program ended with an error; `said` is the first line of its output. */
  | { readonly kind: 'failed'; readonly said: string }
  | { readonly kind: 'hung'; readonly said: string }

export interface CommandOptions {
  /** The program is killed after this, ms. */
  readonly limitMs: number
  /** Kills the program when the result is no longer wanted. */
  readonly signal?: AbortSignal
  /** Written to the program's stdin. */
  readonly input?: string
}

export interface Commands {
  /** Runs a program to its end, or kills it. */
  run(program: string, args: readonly string[], options: CommandOptions): Promise<CommandResult>
}

const MAX_OUTPUT_BYTES = 4 * 2 ** 20

export class SystemCommands implements Commands {
  run(program: string, args: readonly string[], options: CommandOptions): Promise<CommandResult> {
    const { limitMs, signal, input } = options
    return new Promise((resolve) => {
      const child = execFile(
        program,
        args,
        { timeout: limitMs, signal, killSignal: 'SIGKILL', maxBuffer: MAX_OUTPUT_BYTES, encoding: 'utf8' },
        (error, stdout, stderr) => {
          if (error === null) resolve({ kind: 'ok', stdout })
          else if (child.killed) resolve({ kind: 'hung', said: `no answer within ${limitMs / 1000} s` })
          else resolve({ kind: 'failed', said: firstLine(stderr || stdout || error.message) })
        },
      )
      giveUpPrecedence(child.pid)
      child.stdin?.on('error', () => {}) // The program ended without reading; its exit code says why.
      child.stdin?.end(input ?? '')
    })
  }
}

function firstLine(text: string): string {
  return (
    text
      .split('\n')
      .map((line) => line.trim())
      .find(Boolean) ?? ''
  )
}
