/** The one date of everything that is built, so that the same inputs give the same bytes. */

import { InputError } from '../../../agent/core/errors.ts'

/** Seconds since 1970: 14 November 2023. Any fixed date does. */
const DEFAULT_EPOCH = 1_700_000_000

/** `SOURCE_DATE_EPOCH` (reproducible-builds.org), or our own. @throws InputError when it is no number. */
export function sourceDateEpoch(env: NodeJS.ProcessEnv = process.env): number {
  const text = env.SOURCE_DATE_EPOCH
  if (text === undefined || text === '') return DEFAULT_EPOCH
  if (!/^\d{1,12}$/.test(text)) {
    throw new InputError('EPOCH_INVALID', `SOURCE_DATE_EPOCH: "${text}" is no number of seconds`, 'Give a whole number')
  }
  return Number(text)
}
