/**
 * Errors that a user may see.
 *
 * A `WowError` carries a stable `code` that scripts can match, one sentence that names the field and what was found,
 * and a `hint` that says what to do. It is printed without a stack trace.
 */

export class WowError extends Error {
  readonly code: string
  readonly hint: string

  constructor(code: string, message: string, hint: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'WowError'
    this.code = code
    this.hint = hint
  }
}

/** The user's input is wrong: exit code 2, nothing was written. */
export class InputError extends WowError {
  constructor(code: string, message: string, hint: string, options?: ErrorOptions) {
    super(code, message, hint, options)
    this.name = 'InputError'
  }
}

/** The message of any thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The `code` of a system error (`ENOENT`, …) or of one of ours; undefined for anything else. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
