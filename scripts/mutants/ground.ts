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
const TEST_LIMIT_MS = 600_000
/** Of which seed stories are played: not the one that `make test` plays. */
const SEED = 7
/** One story takes this long at most, in the mean of many, ms. */
const STORY_LIMIT_MS = 8_000

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
  async passes(test: string): Promise<boolean> {
    return (await this.#run(TEST_LIMIT_MS, join('test', test))).code === 0
  }

  /** Runs the mutant's tests until one fails; when all pass, plays up to `stories` stories. */
  async try(mutant: Mutant, tests: readonly string[], stories: number): Promise<Verdict> {
    const path = join(this.#folder, mutant.file)
    writeFileSync(path, mutated(mutant, inRoot()))
    try {
      for (const test of tests) if (!(await this.passes(test))) return test
      const limitMs = Math.max(TEST_LIMIT_MS, stories * STORY_LIMIT_MS)
      const { code, output } = await this.#run(limitMs, 'scripts/mutants/play.ts', String(SEED), String(stories))
      if (code === 0) return undefined
      // A mutant that makes a story hang prints no number.
      return output === '' ? `stories of seed ${SEED}: no end` : `story ${output.trim()} of seed ${SEED}`
    } finally {
      cpSync(inRoot(mutant.file), path)
    }
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** `code`: null when it hung. */
  async #run(limitMs: number, program: string, ...args: string[]): Promise<{ code: number | null; output: string }> {
    const child = spawn(process.execPath, ['--import', 'tsx', program, ...args], {
      cwd: this.#folder,
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: limitMs,
      killSignal: 'SIGKILL',
    })
    let output = ''
    child.stdout.on('data', (part: Buffer) => {
      output += part
    })
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
    // An interrupt ends tests, too; that says nothing of the mutant.
    if (signal !== null && signal !== 'SIGKILL') throw new Error(`interrupted by ${signal}`)
    return { code, output }
  }
}
