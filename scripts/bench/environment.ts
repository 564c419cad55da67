/** What a benchmark is asked for in the environment, and the machine that it runs on. */

import { cpus, loadavg } from 'node:os'
import { InputError } from '../../agent/core/errors.ts'

/** A number of 1 to `most` from the environment. @throws InputError */
export function wholeNumber(name: string, otherwise: number, most: number): number {
  const text = process.env[name]
  const value = text === undefined || text === '' ? otherwise : Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= most) return value
  throw new InputError(`${name}_INVALID`, `${name}=${text} is not a number of them.`, `Give 1 to ${most}.`)
}

export function machineFacts() {
  return { cpu: cpus()[0]?.model ?? '', cores: cpus().length, node: process.version, load: loadavg()[0] ?? 0 }
}
