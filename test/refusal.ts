/** The refusal of bad input, as what a test looks at. */

import { InputError } from '../agent/core/errors.ts'

/** The error with which `task` refuses its input. Throws when it refuses nothing, and whatever else `task` throws. */
export function refusal(task: () => unknown): InputError {
  try {
    task()
  } catch (error) {
    if (error instanceof InputError) return error
    throw error
  }
  throw new Error('nothing was refused')
}
