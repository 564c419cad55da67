/** A mutant: one line of the product that a careless change could make wrong, and the tests that should see it. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Mutant {
  /** What the product does then. */
  readonly name: string
  /** The fault that comes back, if it is one of sixteen that promises were once broken by: its number, and what it was. */
  readonly fault?: string
  readonly file: string
  /** Stands in the file exactly once. */
  readonly from: string
  readonly to: string
  /** Files below test/, the quick ones first. When all of them pass, random stories are played. */
  readonly tests: readonly string[]
}

/** The file's text with the mutant in it. @throws Error when the mutant no longer fits the file */
export function mutated({ name, file, from, to }: Mutant, root: string): string {
  const text = readFileSync(join(root, file), 'utf8')
  const count = text.split(from).length - 1
  if (count !== 1) throw new Error(`the mutant "${name}" fits ${file} ${count} times, not once`)
  return text.replace(from, () => to)
}
