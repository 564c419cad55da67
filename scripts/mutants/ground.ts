/** A copy of the tree in which mutants are tried, one after the other. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder, inRoot } from '../lib/paths.ts'
import { type Mutant, mutated } from './mutant.ts'

/** What the tests of a mutant read. */
const COPIED = ['agent', 'sim', 'test', 'scripts', 'package.json', 'tsconfig.json']
/** A test that takes longer hangs, ms: it would fail in `make test`, too. */
const TEST_LIMIT_MS = 240_000
/** Stories to play when every test passes, and of which seed: not the one that `make test` plays. */
const STORIES = 60
const SEED = 7

/** What caught a mutant: a test's file, or a story; undefined: nothing did. */
export type Verdict = string | undefined

export class Ground {
  readonly #folder: string

  constructor(name: string) {
    this.#folder = join(cacheFolder, 'mutants', name)
    rmSync(this.#folder, { recursive: true, force: true })
    mkdirSync(this.#folder, { recursive: true })
    for (const part of COPIED) cpSync(inRoot(part), join(this.#folder, part), { recursive: true })
    symlinkSync(inRoot('node_modules'), join(this.#folder, 'node_modules'))
  }

  /** Whether a test passes in the tree as it is. */
  passes(test: string): Promise<boolean> {
    return this.#succeeds(join('test', test))
  }

  async try(mutant: Mutant): Promise<Verdict> {
    const path = join(this.#folder, mutant.file)
    writeFileSync(path, mutated(mutant, inRoot()))
    try {
      for (const test of mutant.tests) if (!(await this.passes(test))) return test
      const plays = await this.#succeeds('scripts/mutants/play.ts', String(SEED), String(STORIES))
      return plays ? undefined : `one of ${STORIES} stories of seed ${SEED}`
    } finally {
      cpSync(inRoot(mutant.file), path)
    }
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #succeeds(program: string, ...args: string[]): Promise<boolean> {
    const child = spawn(process.execPath, ['--import', 'tsx', program, ...args], {
      cwd: this.#folder,
      stdio: 'ignore',
      timeout: TEST_LIMIT_MS,
      killSignal: 'SIGKILL',
    })
    const [code, signal] = await once(child, 'exit')
    // An interrupt ends tests, too; that says nothing of the mutant.
    if (signal !== null && signal !== 'SIGKILL') throw new Error(`interrupted by ${signal}`)
    return code === 0
  }
}
