/**
 * Named steps with elapsed time: how every long script here reports.
 *
 * It prints plain lines to standard error: one when a step begins, one when it ends, and in between the lines of what
 * the step runs. Standard output stays free for results.
 */

import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

const started = performance.now()

function elapsed(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`
}

/** Prints one line of progress. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** Runs `work` as the step `name`; a failure is reported with its step. */
export async function step<T>(name: string, work: () => Promise<T>): Promise<T> {
  say(`==> ${name}`)
  const since = performance.now()
  try {
    const result = await work()
    say(`    done in ${elapsed(since)}`)
    return result
  } catch (error) {
    say(`    failed after ${elapsed(since)}: ${name}`)
    throw error
  }
}

/** Seconds since the script began, for a closing line. */
export function sinceStart(): string {
  return elapsed(started)
}

/** Shows each line of `stream` as progress, as `change` returns it (undefined drops the line). */
export function follow(stream: Readable, change: (line: string) => string | undefined): void {
  createInterface({ input: stream }).on('line', (line) => {
    const shown = change(line)
    if (shown !== undefined) say(shown)
  })
}

/** The last few lines of a failed command's output, where commands say why. */
export function tail(text: string, lines = 5): string {
  return text.trim().split('\n').slice(-lines).join('\n')
}
