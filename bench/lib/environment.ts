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

/** Those of `all` that the environment names, in the order of `all`; all when it names none. @throws InputError */
export function someOf<T extends { readonly name: string }>(name: string, all: readonly T[]): readonly T[] {
  const wanted = (process.env[name] ?? '').split(/[\s,]+/).filter(Boolean)
  if (wanted.length === 0) return all
  const unknown = wanted.find((word) => !all.some((one) => one.name === word))
  if (unknown === undefined) return all.filter((one) => wanted.includes(one.name))
  const names = all.map((one) => one.name).join(', ')
  throw new InputError(`${name}_UNKNOWN`, `${name}: there is no "${unknown}".`, `Choose of: ${names}`)
}

export function machineFacts() {
  return { cpu: cpus()[0]?.model ?? '', cores: cpus().length, node: process.version, load: loadavg()[0] ?? 0 }
}
