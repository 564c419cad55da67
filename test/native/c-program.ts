/** Small programs in C that test parts of the addon, built with the address and undefined-behaviour sanitizers. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { inRoot } from '../../scripts/lib/paths.ts'

const HEADERS = join(dirname(process.execPath), '..', 'include', 'node')
const NATIVE = inRoot('agent', 'native')
const WARNINGS = ['-Wall', '-Wextra', '-Werror', '-D_GNU_SOURCE', '-DNAPI_VERSION=8']
const SANITIZERS = ['-g', '-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all']

export interface Program {
  /** What it prints. Fails the test when it does not end well. */
  run(args: readonly string[]): string
  remove(): void
}

/** Why there can be no program; false when there can. */
export function compilerMissing(): string | false {
  if (!existsSync(join(HEADERS, 'node_api.h'))) return 'the headers of Node.js are not beside it'
  return spawnSync('cc', ['--version']).status === 0 ? false : 'there is no C compiler'
}

/** `name`.c of this folder, with `parts` of the addon. */
export function buildProgram(name: string, parts: readonly string[], libraries: readonly string[]): Program {
  const folder = mkdtempSync(join(tmpdir(), `wow-${name}-`))
  const program = join(folder, name)
  const sources = [inRoot('test', 'native', `${name}.c`), ...parts.map((part) => join(NATIVE, `${part}.c`))]
  const includes = ['-I', NATIVE, '-isystem', HEADERS]
  const built = spawnSync('cc', [...WARNINGS, ...SANITIZERS, ...includes, ...sources, ...libraries, '-o', program], {
    encoding: 'utf8',
  })
  assert.equal(built.status, 0, built.stderr)
  return {
    run: (args) => {
      const ran = spawnSync(program, args, { encoding: 'utf8' })
      assert.equal(ran.status, 0, `${args.join(' ')}: ${ran.stderr}`)
      return ran.stdout
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
