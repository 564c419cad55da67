/** A network namespace in the lab: its loopback is up; it ends with the run, and so does every process in it. */

import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { atEnd, netnsSettings, ownName, pidsIn, removeNetns } from './cleanup.ts'
import { wowCommand } from './wow.ts'

const execute = promisify(execFile)

export type NamespaceChild = ChildProcessByStdio<null, Readable, Readable>

/** Where the lab's programs run: a network namespace, or a whole machine in one. */
export interface Place {
  /** For people. */
  readonly label: string
  /** The `wow` command there: a program and its first arguments. */
  readonly wow: readonly [string, ...string[]]
  /** Runs a program to its end and returns its stdout. @throws when it fails, with its stderr. */
  run(program: string, ...args: string[]): Promise<string>
  /** Starts a program; the child's process id is the program's. It dies with this process, even when that is killed. */
  spawn(program: string, args: readonly string[]): NamespaceChild
  /** Runs one command of ip(8). */
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

  /** Whether the program exits with 0. */
  async succeeds(program: string, ...args: string[]): Promise<boolean> {
    return await this.run(program, ...args).then(
      () => true,
      () => false,
    )
  }

  /** Programs that start from now on ask the name server at `ip`. */
  useNameServer(ip: string): void {
    const folder = netnsSettings(this.name)
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'resolv.conf'), `nameserver ${ip}\n`)
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

/** Programs in the lab must not inherit the options of the test or script that runs them. */
function environment(): NodeJS.ProcessEnv {
  const { NODE_TEST_CONTEXT: _context, NODE_OPTIONS: _options, ...rest } = process.env
  return rest
}
