/** Network namespaces for tests that need the real kernel; they are removed whatever happens. */

import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** Why the kernel cannot be used here; false when it can. For `test(…, { skip: kernelMissing() })`. */
export function kernelMissing(...programs: string[]): string | false {
  if (process.getuid?.() !== 0) return 'needs root for network namespaces'
  if (!existsSync('/dev/net/tun')) return 'needs /dev/net/tun'
  if (!existsSync('build/tap.node')) return 'needs build/tap.node: run node scripts/build-addon.mjs'
  for (const program of ['ip', ...programs]) {
    try {
      execFileSync('which', [program], { stdio: 'ignore' })
    } catch {
      return `needs ${program}`
    }
  }
  return false
}

let made = 0

export class Netns {
  readonly name = `wowb-${process.pid}-${made++}`
  readonly #children = new Set<ChildProcessWithoutNullStreams>()
  readonly #onExit = () => this.remove()

  constructor() {
    execFileSync('ip', ['netns', 'add', this.name])
    process.on('exit', this.#onExit)
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
    this.run('ip', 'link', 'set', 'lo', 'up')
  }

  /** Runs a program to its end and returns its output. @throws when it fails */
  run(program: string, ...args: string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.name, program, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  }

  /** Whether the program exits with 0. */
  succeeds(program: string, ...args: string[]): boolean {
    try {
      this.run(program, ...args)
      return true
    } catch {
      return false
    }
  }

  spawn(program: string, ...args: string[]): ChildProcessWithoutNullStreams {
    const child = spawn('ip', ['netns', 'exec', this.name, program, ...args])
    this.#children.add(child)
    child.on('exit', () => this.#children.delete(child))
    return child
  }

  remove(): void {
    process.off('exit', this.#onExit)
    for (const child of this.#children) child.kill('SIGKILL')
    try {
      // Clients that went to the background are ours too: no other process is in here.
      const left = execFileSync('ip', ['netns', 'pids', this.name], { encoding: 'utf8' }).split('\n').filter(Boolean)
      for (const pid of left) process.kill(Number(pid), 'SIGKILL')
    } catch {
      // They have ended by themselves.
    }
    try {
      execFileSync('ip', ['netns', 'delete', this.name], { stdio: 'ignore' })
    } catch {
      // Removed already.
    }
  }
}

/** After this long something hangs: the test cleans up and reports it, ms. */
const LIMIT_MS = 60_000

/** A child that writes one JSON object per line. */
export class JsonChild {
  readonly events: Record<string, unknown>[] = []
  readonly #child: ChildProcessWithoutNullStreams
  readonly #waiting = new Set<() => void>()
  #stderr = ''
  #ended = false

  constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.events.push(JSON.parse(line) as Record<string, unknown>)
      this.#wake()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr += chunk.toString()
    })
    child.on('exit', () => {
      this.#ended = true
      this.#wake()
    })
  }

  /** The first event that fits, from the `after`-th on. @throws when the child ends without it, or after LIMIT_MS */
  async event(fits: (event: Record<string, unknown>) => boolean, after = 0): Promise<Record<string, unknown>> {
    const end = Date.now() + LIMIT_MS
    for (;;) {
      const found = this.events.slice(after).find(fits)
      if (found !== undefined) return found
      if (this.#ended) throw new Error(`the child ended: ${this.#stderr}`)
      if (Date.now() > end) throw new Error(`no such event in time, only ${JSON.stringify(this.events)}`)
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve)
        setTimeout(resolve, 1000).unref()
      })
    }
  }

  say(command: string): void {
    this.#child.stdin.write(`${command}\n`)
  }

  async end(): Promise<void> {
    if (this.#ended) return
    this.#child.stdin.end()
    await new Promise((resolve) => this.#child.once('exit', resolve))
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }
}
