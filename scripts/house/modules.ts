/** The modules of the checkout and what each imports, as the TypeScript compiler resolves it; types count too. */

import { $ } from 'zx'
import { inRoot } from '../lib/paths.ts'

/** Paths relative to the checkout; imports from packages are left out. */
export type Modules = ReadonlyMap<string, ReadonlySet<string>>

/** @throws when the compiler cannot be run; what it cannot parse, it leaves out and says so when it checks types */
export async function readModules(): Promise<Modules> {
  const shell = $({ quiet: true, nothrow: true, cwd: inRoot() })
  const { stdout, stderr } = await shell`npx tsc --noEmit --noCheck --explainFiles --pretty false`
  const modules = parseExplanation(stdout)
  if (modules.size === 0) throw new Error(`tsc --explainFiles names no files: ${stderr || stdout}`)
  return modules
}

/** Parses `tsc --explainFiles`: each file's path on its own line, then, indented, the files that import it. */
export function parseExplanation(text: string): Modules {
  const modules = new Map<string, Set<string>>()
  const importsOf = (path: string) => modules.get(path) ?? modules.set(path, new Set()).get(path)!
  let imported = ''
  for (const line of text.split('\n')) {
    if (line !== '' && !line.startsWith(' ')) imported = line.trim()
    if (imported === '' || isPackage(imported)) continue
    importsOf(imported)
    const importer = /^\s+(?:Imported|Referenced) via .* from file '([^']+)'/.exec(line)?.[1]
    if (importer !== undefined && !isPackage(importer)) importsOf(importer).add(imported)
  }
  return modules
}

/** Everything that `from` imports, directly or indirectly. */
export function reachable(modules: Modules, from: string): ReadonlySet<string> {
  const found = new Set<string>()
  const visit = (path: string) => {
    for (const next of modules.get(path) ?? []) {
      if (found.has(next)) continue
      found.add(next)
      visit(next)
    }
  }
  visit(from)
  return found
}

function isPackage(path: string): boolean {
  return path.includes('node_modules/') || path.startsWith('/')
}
