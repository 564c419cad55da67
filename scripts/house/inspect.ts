/** Checks the house against its rules. */

import { existsSync, readFileSync } from 'node:fs'
import { $ } from 'zx'
import { inRoot } from '../lib/paths.ts'
import { readModules } from './modules.ts'
import { circles, longFiles, unseen, upwardImports } from './rules.ts'

/** One sentence per fault; none when all is well. */
export async function inspectHouse(): Promise<string[]> {
  const files = await codeFiles()
  const modules = await readModules()
  const typescript = files.filter((file) => file.endsWith('.ts'))
  const scripts = files.filter((file) => /\.(ts|mjs)$/.test(file))
  const lines = new Map(files.map((file) => [file, readFileSync(inRoot(file), 'utf8').split('\n').length - 1]))
  return [
    ...upwardImports(modules),
    ...circles(modules),
    ...longFiles(lines),
    ...unseen(typescript, new Set(modules.keys()), 'the compiler', 'add its folder to "include" in tsconfig.json'),
    ...unseen(scripts, await linted(), 'the linter', 'add its folder to "includes" in biome.json'),
  ]
}

/** The code files that git tracks or would track. */
async function codeFiles(): Promise<string[]> {
  const shell = $({ quiet: true, cwd: inRoot() })
  const { stdout } = await shell`git ls-files --cached --others --exclude-standard -- *.ts *.mjs *.c *.h`
  return [...new Set(stdout.split('\n'))].filter((file) => file !== '' && existsSync(inRoot(file)))
}

async function linted(): Promise<ReadonlySet<string>> {
  // What the linter finds wrong is reported elsewhere.
  const shell = $({ quiet: true, nothrow: true, cwd: inRoot() })
  const { stdout, stderr } = await shell`npx biome lint --verbose --colors=off`
  return new Set([...`${stdout}${stderr}`.matchAll(/^\s+- (\S+)$/gm)].map((match) => match[1] ?? ''))
}
