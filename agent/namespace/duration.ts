/** Lease times as people write them: `12h`, `90m`, `45s`, `2d`, or plain seconds. */

import { InputError } from '../core/errors.ts'
import { MAX_LEASE_S, MIN_LEASE_S } from './record.ts'

const UNITS = { d: 86_400, h: 3600, m: 60, s: 1 } as const

/** Seconds. @throws InputError when `text` is not a duration or outside the range of lease times. */
export function parseLease(text: string): number {
  const match = /^(\d{1,9})(s|m|h|d)?$/.exec(text.trim())
  if (match === null) throw invalid(text, 'is not a duration')
  const unit = (match[2] ?? 's') as keyof typeof UNITS
  const seconds = Number(match[1]) * UNITS[unit]
  if (seconds < MIN_LEASE_S) throw invalid(text, `is shorter than ${formatLease(MIN_LEASE_S)}`)
  if (seconds > MAX_LEASE_S) throw invalid(text, `is longer than ${formatLease(MAX_LEASE_S)}`)
  return seconds
}

/** The shortest form that `parseLease` reads back: `12h`. */
export function formatLease(seconds: number): string {
  for (const [unit, size] of Object.entries(UNITS)) {
    if (seconds % size === 0) return `${seconds / size}${unit}`
  }
  return `${seconds}s`
}

function invalid(text: string, what: string): InputError {
  return new InputError(
    'LEASE_INVALID',
    `The lease time ${JSON.stringify(text)} ${what}.`,
    'Give one such as 12h, 90m or 45s.',
  )
}
