/** A user of this machine other than root, with a copy of the project in its home. */

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { inRoot } from '../../scripts/lib/paths.ts'

const PATH = '/usr/local/bin:/usr/bin:/bin'

export class OrdinaryUser {
  readonly name: string
  readonly #project: string

  /** Makes the user, with the range of ids that Debian gives to each; needs root. */
  constructor(name: string) {
    this.name = name
    this.#project = join('/home', name, 'project')
    execFileSync('useradd', ['--create-home', '--home-dir', join('/home', name), name])
  }

  /** Copies these files and folders of the project. */
  give(paths: readonly string[]): void {
    execFileSync('mkdir', [this.#project])
    execFileSync('cp', ['--recursive', ...paths, this.#project], { cwd: inRoot() })
    execFileSync('chown', ['--recursive', `${this.name}:`, this.#project])
  }

  /** Runs Node.js in the copy, with this environment and nothing else. */
  run(env: Readonly<Record<string, string>>, argv: readonly string[]): void {
    const settings = Object.entries({ ...env, HOME: join('/home', this.name), PATH }).map((pair) => pair.join('='))
    const command = ['-u', this.name, '--', 'env', '-i', ...settings, process.execPath, ...argv]
    execFileSync('runuser', command, { cwd: this.#project, stdio: ['ignore', 'ignore', 'inherit'] })
  }

  /** Reads a file of the copy. */
  read(path: string): string {
    return readFileSync(join(this.#project, path), 'utf8')
  }

  remove(): void {
    execFileSync('userdel', ['--remove', this.name], { stdio: 'ignore' })
  }
}
