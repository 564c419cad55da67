/**
 * The output of `wow`: answers on stdout, everything else on stderr.
 *
 * With `--json` stdout holds exactly one JSON value: the answer, or `{"error":{"code","message","hint"}}`. An error is
 * always one sentence on stderr too. Exit codes: 0 all well, 1 failed at run time, 2 bad input.
 */

import { writeSync } from 'node:fs'
import { InputError, messageOf, WowError } from '../core/errors.ts'

export const EXIT_FAILED = 1
export const EXIT_BAD_INPUT = 2

export function printJson(value: unknown): void {
  print(JSON.stringify(value))
}

/** Writes synchronously, so nothing is lost when the process ends right after. */
export function print(text: string): void {
  write(1, `${text}\n`)
}

export function warn(sentence: string): void {
  write(2, `wow: ${sentence}\n`)
}

/** Prints what went wrong and returns the exit code for it. */
export function reportError(error: unknown, json: boolean): number {
  if (!(error instanceof WowError)) {
    // A defect of ours: only here does the stack help.
    const detail = error instanceof Error && error.stack !== undefined ? error.stack : messageOf(error)
    warn(`internal error: ${detail}`)
    if (json) printJson({ error: { code: 'INTERNAL', message: messageOf(error), hint: 'Please report it.' } })
    return EXIT_FAILED
  }
  const { code, message, hint } = error
  warn(sentence(message, hint))
  if (json) printJson({ error: { code, message, hint } })
  return error instanceof InputError ? EXIT_BAD_INPUT : EXIT_FAILED
}

/** What is wrong and what to do, as one sentence. */
export function sentence(message: string, hint: string): string {
  const what = message.replace(/\.$/, '')
  if (hint === '') return `${what}.`
  // "Give one …" continues in lower case, "DHCP …" does not.
  const remedy = /^[A-Z][a-z' ]/.test(hint) ? hint.charAt(0).toLowerCase() + hint.slice(1) : hint
  return `${what}; ${remedy}`
}

/** Columns as wide as their widest cell, without trailing spaces. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows]
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)))
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** One line for each label and value. */
export function fields(rows: readonly (readonly [label: string, value: string])[]): string {
  return rows.map(([label, value]) => `${label.padEnd(10)} ${value}`).join('\n')
}

function write(file: 1 | 2, text: string): void {
  const bytes = Buffer.from(text)
  let at = 0
  while (at < bytes.length) {
    try {
      at += writeSync(file, bytes, at)
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      if (code === 'EPIPE') return // The reader has seen enough.
      if (code !== 'EAGAIN') throw error
    }
  }
}
