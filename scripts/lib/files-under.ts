import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Paths of all files under `folder`, sorted; none when there is no such folder. */
export function filesUnder(folder: string): string[] {
  let names: string[]
  try {
    names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  } catch {
    return []
  }
  return names
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .sort()
}
