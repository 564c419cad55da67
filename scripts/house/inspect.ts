/** Checks the house against its rules. */

import { existsSync, readFileSync } from 'node:fs'
import { $ } from 'zx'
import { inRoot } from '../lib/paths.ts'
import { readModules } from './modules.ts'
import { circles, emptyPlaces, longFiles, unseen, upwardImports } from './rules.ts'
import { deadExports, hiddenImports, silenced, strayKinds, strayTests, unusedModules, withNamed } from './sources.ts'

/** Neither code nor a template: measurements, pictures, prose. */
const DATA = /\.(json|svg|md)$|^LICENSE$/

/** One sentence per fault; none when all is well. */
export async function inspectHouse(): Promise<string[]> {
  const files = (await ownFiles()).filter((file) => !DATA.test(file))
  const texts = new Map(files.map((file) => [file, readFileSync(inRoot(file), 'utf8')]))
  const modules = await readModules()
  const scripts = files.filter((file) => /\.(ts|mjs)$/.test(file))
  // What templates lay into an image imports nothing of ours.
  const compiled = scripts.filter((file) => !file.startsWith('templates/'))
  const lines = new Map([...texts].map(([file, text]) => [file, text.split('\n').length - 1]))
  return [
    ...upwardImports(withNamed(modules, texts)),
    ...emptyPlaces(modules),
    ...circles(modules),
    ...hiddenImports(texts),
    ...longFiles(lines),
    ...strayKinds(files),
    ...strayTests(files),
    ...silenced(texts),
    ...unusedModules(modules, texts),
    ...deadExports(texts),
    ...unseen(compiled, new Set(modules.keys()), 'the compiler', 'add its folder to "include" in tsconfig.json'),
    ...unseen(scripts, await linted(), 'the linter', 'add its folder to "includes" in biome.json'),
  ]
}

/** The files that git tracks or would track. */
async function ownFiles(): Promise<string[]> {
  const shell = $({ quiet: true, cwd: inRoot() })
  const { stdout } = await shell`git ls-files -z --cached --others --exclude-standard`
  return [...new Set(stdout.split('\0'))].filter((file) => file !== '' && existsSync(inRoot(file)))
}

async function linted(): Promise<ReadonlySet<string>> {
  // What the linter finds wrong is reported elsewhere.
  const shell = $({ quiet: true, nothrow: true, cwd: inRoot() })
  const { stdout, stderr } = await shell`npx biome lint --verbose --colors=off`
  return new Set([...`${stdout}${stderr}`.matchAll(/^\s+- (\S+)$/gm)].map((match) => match[1] ?? ''))
}
