/** Reads a benchmark's settings from the environment, and describes the machine that it runs on. */

import { cpus, loadavg } from 'node:os'
import { InputError } from '../../agent/core/errors.ts'

/** A whole number from `least` to `most` in the environment; `otherwise` when there is none. @throws InputError */
export function wholeNumber(name: string, otherwise: number, most: number, least = 1): number {
  const text = (process.env[name] ?? '').trim()
  if (text === '') return otherwise
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= least && value <= most) return value
  throw new InputError(`${name}_INVALID`, `${name}=${text} is not a number of them.`, `Give ${least} to ${most}.`)
}

export function machineFacts() {
  return { cpu: cpus()[0]?.model ?? '', cores: cpus().length, node: process.version, load: loadavg()[0] ?? 0 }
}
