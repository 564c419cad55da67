/**
 * The edge of every script: a user's mistake ends in one sentence and exit code 2, any other error in exit code 1.
 */

import { ProcessOutput, ps } from 'zx'
import { codeOf, InputError, messageOf, WowError } from '../../agent/core/errors.ts'
import { say, tail } from './progress.ts'

/** A command that has already printed what is wrong: only its exit code is passed on. */
export class Explained extends Error {
  readonly exitCode: number

  constructor(exitCode: number) {
    super(`exit code ${exitCode}`)
    this.name = 'Explained'
    this.exitCode = exitCode
  }
}

/** Prints what went wrong and returns the exit code for it. */
export function report(error: unknown): number {
  if (error instanceof Explained) return error.exitCode
  if (error instanceof WowError) {
    say(`error: ${error.message}`)
    say(`  ${error.hint}`)
    return error instanceof InputError ? 2 : 1
  }
  if (isDiskFull(error)) {
    say('error: The disk is full')
    say('  Free some space and run it again: it goes on from the last whole step')
    return 1
  }
  if (error instanceof ProcessOutput) {
    say(`error: a command ended with exit code ${error.exitCode ?? error.signal}`)
    say(tail(error.stderr || error.stdout))
    return 1
  }
  say(`error: ${messageOf(error)}`)
  if (process.env.DEBUG && error instanceof Error) say(error.stack ?? '')
  return 1
}

/** Whether this process, or a command that it called, found the disk full. */
function isDiskFull(error: unknown): boolean {
  const said = error instanceof ProcessOutput ? `${error.stderr}${error.stdout}` : messageOf(error)
  return codeOf(error) === 'ENOSPC' || /No space left on device/.test(said)
}

/** As in a shell: 128 plus the number of SIGINT. */
const INTERRUPTED = 130

/**
 * Runs a script's `main` and sets the exit code of the process.
 *
 * An interrupt ends all processes that the script started and lets every `finally` run, so nothing half-written stays
 * behind.
 */
export async function run(main: () => Promise<void>): Promise<void> {
  let interrupted = false
  const interrupt = () => {
    if (interrupted) return
    interrupted = true
    say('interrupted: cleaning up')
    endDescendants().catch((error) => say(messageOf(error)))
  }
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  try {
    await main()
  } catch (error) {
    process.exitCode = interrupted ? INTERRUPTED : report(error)
  } finally {
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
  }
}

/** Sends SIGTERM to all descendants of this process. */
async function endDescendants(): Promise<void> {
  for (const { pid } of await ps.tree({ pid: process.pid, recursive: true })) {
    try {
      process.kill(Number(pid), 'SIGTERM')
    } catch {
      // It has ended by itself.
    }
  }
}
