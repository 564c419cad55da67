/** Starts and watches `child-node.ts`. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { ChildEvent, Settings } from './child-node.ts'

const NODE = fileURLToPath(new URL('child-node.ts', import.meta.url))
/** How long an event may take before the test fails, ms: generous, for a loaded machine. */
const PATIENCE = 30_000

export class Child {
  readonly process: ChildProcess
  readonly #events: ChildEvent[] = []
  #wake: () => void = () => {}
  #errors = ''

  /** @param prefix a command that runs the node, such as `ip netns exec NAME` */
  constructor(settings: Settings, prefix: readonly string[] = []) {
    const command = [...prefix, process.execPath, '--import', 'tsx', NODE, JSON.stringify(settings)]
    this.process = spawn(command[0] ?? '', command.slice(1), { stdio: ['pipe', 'pipe', 'pipe'] })
    this.process.stderr?.on('data', (data) => {
      this.#errors += String(data)
    })
    if (this.process.stdout === null) throw new TypeError('no stdout')
    createInterface({ input: this.process.stdout }).on('line', (line) => {
      this.#events.push(JSON.parse(line) as ChildEvent)
      this.#wake()
    })
    this.process.on('exit', () => this.#wake())
  }

  /** What `pick` finds in the first event that has it, past or to come. @throws when the node ends or stays silent */
  async find<T>(what: string, pick: (event: ChildEvent) => T | undefined): Promise<T> {
    const deadline = performance.now() + PATIENCE
    for (let next = 0; ; ) {
      for (; next < this.#events.length; next++) {
        const found = pick(this.#events[next] ?? {})
        if (found !== undefined) return found
      }
      const left = deadline - performance.now()
      if (left <= 0 || this.process.exitCode !== null) {
        throw new Error(`no ${what}; events: ${JSON.stringify(this.#events)}; stderr: ${this.#errors}`)
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  endpoints(): Promise<string[]> {
    return this.find('endpoints', (event) => event.endpoints)
  }

  /** The endpoints, once a relay has accepted the node. */
  relayedEndpoints(): Promise<string[]> {
    const relayed = (list?: string[]) => (list?.some((one) => one.includes('/p2p-circuit/')) ? list : undefined)
    return this.find('relayed endpoint', (event) => relayed(event.endpoints))
  }

  dial(endpoints: readonly string[]): void {
    this.process.stdin?.write(`${JSON.stringify(endpoints)}\n`)
  }

  async kill(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return
    const ended = once(this.process, 'exit')
    this.process.kill('SIGKILL')
    await ended
  }
}
