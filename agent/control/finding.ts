/** What one check of `wow doctor` found. */

export interface Finding {
  readonly ok: boolean
  /** What was found. */
  readonly detail: string
  /** What to do; empty when all is well. */
  readonly hint: string
}

export function good(detail: string): Finding {
  return { ok: true, detail, hint: '' }
}

export function bad(detail: string, hint: string): Finding {
  return { ok: false, detail, hint }
}
