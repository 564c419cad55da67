/**
 * House rules on the text of files: nothing loads a module behind the compiler's back, nothing silences a tool, nothing
 * stands where no tool or test run looks, nothing is dead. Each rule returns one sentence per fault.
 */

import { posix } from 'node:path'
import type { Modules } from './modules.ts'

/** Paths relative to the checkout, and what the files say. */
export type Texts = ReadonlyMap<string, string>

const isScript = (path: string) => /\.(ts|mjs)$/.test(path)
const isTest = (path: string) => /[._](test|spec)\.\w+$/.test(path)

/** The lines of a script that are no comment. */
function codeOf(text: string): string {
  return text.replace(/^\s*(\/\/|\/\*|\*).*$/gm, '')
}

/**
 * The modules with those added that each names in a string, relative to itself or to the checkout: a worker, a child
 * process, `require`.
 */
export function withNamed(modules: Modules, texts: Texts): Modules {
  return new Map(
    [...modules].map(([path, imports]) => {
      const names = [...codeOf(texts.get(path) ?? '').matchAll(/(['"`])([\w@./-]+\.(?:ts|mjs))\1/g)]
      const found = names
        .flatMap(([, , name = '']) => [posix.join(posix.dirname(path), name), posix.normalize(name)])
        .filter((named) => named !== path && modules.has(named))
      return [path, new Set([...imports, ...found])]
    }),
  )
}

/** Imports whose name is made at run time: nobody can see which floor they lead to. */
export function hiddenImports(texts: Texts): string[] {
  return [...texts]
    .filter(([path, text]) => isScript(path) && /\bimport\((?!\s*'[^']*'\s*[,)])/.test(codeOf(text)))
    .map(([path]) => `${path} imports a module by a name made at run time: write the name out`)
}

/** Code in languages or under names that neither the compiler nor the linter reads. */
export function strayKinds(files: readonly string[]): string[] {
  return files
    .filter((file) => /\.([cm]?jsx?|[cm]ts|tsx|cc|cpp|cxx|hpp|py|pl)$/.test(file) && !file.endsWith('.mjs'))
    .map((file) => `no tool reads ${file}: write it as .ts (.mjs where nothing can compile it, .c for the addon)`)
}

/** Tests that `make test` does not find. */
export function strayTests(files: readonly string[]): string[] {
  return files
    .filter((file) => isTest(file) && !/^test\/.*\.test\.ts$/.test(file))
    .map((file) => `make test does not run ${file}: tests are test/**/*.test.ts`)
}

/** Files that the compiler or the linter was told to leave out. */
export function silenced(texts: Texts): string[] {
  return [...texts]
    .filter(([path]) => isScript(path))
    .flatMap(([path, text]) =>
      [...text.matchAll(/^\s*\/[/*]\s*(@ts-nocheck|biome-ignore-all)/gm)].map(
        ([, order]) => `${path} says ${order}: let the tools read it, and mend what they find`,
      ),
    )
}

/** Modules that nothing imports, and that no other file names so as to start them. */
export function unusedModules(modules: Modules, texts: Texts): string[] {
  const imported = new Set([...modules.values()].flatMap((imports) => [...imports]))
  const isNamed = (path: string) => {
    const name = new RegExp(`(?<![\\w.-])${posix.basename(path).replaceAll('.', '\\.')}`)
    return [...texts].some(([other, text]) => other !== path && name.test(text))
  }
  return [...modules.keys()]
    .filter((path) => texts.has(path) && !imported.has(path) && !isTest(path) && !isNamed(path))
    .map((path) => `nothing imports or starts ${path}`)
}

/** Exports whose name stands nowhere else. */
export function deadExports(texts: Texts): string[] {
  const scripts = [...texts].filter(([path]) => isScript(path))
  const times = new Map<string, number>()
  for (const [, text] of scripts) {
    for (const [word] of text.matchAll(/[\w$]+/g)) times.set(word, (times.get(word) ?? 0) + 1)
  }
  const declaration = /^export (?:async |abstract )*(?:const|let|function\*?|class|interface|type) (\w+)/gm
  return scripts.flatMap(([path, text]) =>
    [...text.matchAll(declaration)]
      .filter(([, name = '']) => times.get(name) === 1)
      .map(([, name]) => `${path} exports ${name}, which nothing uses`),
  )
}
