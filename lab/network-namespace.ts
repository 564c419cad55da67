/** A network namespace of the lab: its loopback is up, and it ends with the run together with all that runs in it. */

import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { atEnd, ownName, pidsIn, removeNetns } from './cleanup.ts'
import { wowCommand } from './wow.ts'

const execute = promisify(execFile)

export type NamespaceChild = ChildProcessByStdio<null, Readable, Readable>

/** Where programs of the lab run: a network namespace, or a whole machine in one. */
export interface Place {
  /** For people. */
  readonly label: string
  /** The `wow` command there: a program and its first arguments. */
  readonly wow: readonly [string, ...string[]]
  /** Runs a program to its end; what it wrote to stdout. @throws when it fails, with what it wrote to stderr. */
  run(program: string, ...args: string[]): Promise<string>
  /** Starts a program; its process id is the child's own. It dies with this process, also when that is killed. */
  spawn(program: string, args: readonly string[]): NamespaceChild
  /** One command of ip(8). */
  ip(...args: string[]): Promise<string>
}

export class NetworkNamespace implements Place {
  readonly name: string
  readonly label: string
  readonly wow = wowCommand()
  readonly #forget: () => void

  /** `label`: for people who look at `ip netns list`. */
  static async create(label: string): Promise<NetworkNamespace> {
    const namespace = new NetworkNamespace(label)
    await execute('ip', ['netns', 'add', namespace.name])
    await namespace.ip('link', 'set', 'lo', 'up')
    return namespace
  }

  private constructor(label: string) {
    this.label = label
    this.name = ownName(label)
    this.#forget = atEnd(() => removeNetns(this.name))
  }

  async run(program: string, ...args: string[]): Promise<string> {
    const { stdout } = await execute('ip', ['netns', 'exec', this.name, program, ...args], { env: environment() })
    return stdout
  }

  /** Whether the program ended well. */
  async succeeds(program: string, ...args: string[]): Promise<boolean> {
    return await this.run(program, ...args).then(
      () => true,
      () => false,
    )
  }

  /** Sends a signal to every process in it. */
  signal(signal: NodeJS.Signals): void {
    for (const pid of pidsIn(this.name)) process.kill(pid, signal)
  }

  /** Needs no process in the namespace. */
  async ip(...args: string[]): Promise<string> {
    const { stdout } = await execute('ip', ['-n', this.name, ...args])
    return stdout
  }

  spawn(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): NamespaceChild {
    const argv = ['--pdeathsig', 'KILL', 'ip', 'netns', 'exec', this.name, program, ...args]
    return spawn('setpriv', argv, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...environment(), ...env } })
  }

  remove(): void {
    this.#forget()
    removeNetns(this.name)
  }
}

/** A program of the lab is no part of the test or script that runs it. */
function environment(): NodeJS.ProcessEnv {
  const { NODE_TEST_CONTEXT: _context, NODE_OPTIONS: _options, ...rest } = process.env
  return rest
}
