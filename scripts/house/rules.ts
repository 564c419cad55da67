/**
 * The house rules: imports go down and form no circle; files are short; tools see every file. Each rule gets what it
 * judges and returns one sentence per fault.
 */

import { FLOORS } from './floors.ts'
import type { Modules } from './modules.ts'

/** Most lines of a file of code, a template, a script or a setting. */
const MAX_LINES = 350
/** Most lines of the median code file. */
const MAX_MEDIAN = 120

/** Imports that do not go down, and modules that are on no floor. */
export function upwardImports(modules: Modules, floors: typeof FLOORS = FLOORS): string[] {
  const broken: string[] = []
  for (const [path, imports] of modules) {
    const from = placeOf(path, floors)
    if (from === undefined) {
      broken.push(`${path} stands on no floor: give its folder one in scripts/house/floors.ts`)
      continue
    }
    for (const imported of imports) {
      const to = placeOf(imported, floors)
      if (to === undefined || to.name === from.name || to.floor > from.floor) continue
      const where = to.floor === from.floor ? 'beside' : 'above'
      broken.push(`${path} imports ${imported}: ${to.name} stands ${where} ${from.name} (scripts/house/floors.ts)`)
    }
  }
  return broken
}

interface Place {
  readonly name: string
  /** 0 is the top. */
  readonly floor: number
}

function placeOf(path: string, floors: typeof FLOORS): Place | undefined {
  let best: Place | undefined
  for (const [floor, places] of floors.entries()) {
    for (const name of places) {
      if (path.startsWith(name) && name.length > (best?.name.length ?? 0)) best = { name, floor }
    }
  }
  return best
}

/** Places that no module stands in: they were moved, and the floors not. */
export function emptyPlaces(modules: Modules, floors: typeof FLOORS = FLOORS): string[] {
  const taken = new Set([...modules.keys()].map((path) => placeOf(path, floors)?.name))
  return floors
    .flat()
    .filter((name) => !taken.has(name))
    .map((name) => `no module stands in ${name}: take it off scripts/house/floors.ts`)
}

/** Circles of imports, each reported once. */
export function circles(modules: Modules): string[] {
  const found: string[] = []
  const done = new Set<string>()
  const way: string[] = []
  const visit = (path: string) => {
    const at = way.indexOf(path)
    if (at >= 0) {
      found.push(`these import each other in a circle: ${[...way.slice(at), path].join(' -> ')}`)
      return
    }
    if (done.has(path)) return
    way.push(path)
    for (const imported of modules.get(path) ?? []) visit(imported)
    way.pop()
    done.add(path)
  }
  for (const path of modules.keys()) visit(path)
  return found
}

/** Files that are too long, and a median of the code files that is too high. */
export function longFiles(lines: ReadonlyMap<string, number>): string[] {
  const broken = [...lines]
    .filter(([, count]) => count > MAX_LINES)
    .map(
      ([path, count]) => `${path} has ${count} lines, more than ${MAX_LINES}: it has a second idea that wants a name`,
    )
  const code = [...lines].filter(([path]) => /\.(ts|mjs|c|h)$/.test(path))
  const sorted = code.map(([, count]) => count).sort((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0
  if (median > MAX_MEDIAN) broken.push(`the median file has ${median} lines, more than ${MAX_MEDIAN}`)
  return broken
}

/** Files that a tool should see but does not. */
export function unseen(files: readonly string[], seen: ReadonlySet<string>, tool: string, remedy: string): string[] {
  return files.filter((file) => !seen.has(file)).map((file) => `${tool} does not see ${file}: ${remedy}`)
}
