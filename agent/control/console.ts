/** Phase lines on the appliance's consoles (`ttyS0`, `tty1`); a console that fails never holds up the agent. */

import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { messageOf } from '../core/errors.ts'
import type { Log } from '../core/log.ts'

/** A terminal that nobody reads (flow control, a full pipe) must not block: its lines are dropped. */
const DEVICE = constants.O_WRONLY | constants.O_APPEND | constants.O_NOCTTY | constants.O_NONBLOCK
const FILE = DEVICE | constants.O_CREAT

export class Consoles {
  readonly #paths: readonly string[]
  readonly #log: Log
  readonly #broken = new Set<string>()

  constructor(paths: readonly string[], log: Log) {
    this.#paths = paths
    this.#log = log
  }

  line(text: string): void {
    for (const path of this.#paths) this.#write(path, text)
  }

  #write(path: string, text: string): void {
    try {
      const isDevice = path.startsWith('/dev/')
      const file = openSync(path, isDevice ? DEVICE : FILE, 0o600)
      try {
        // A prompt or the kernel often leaves a terminal in the middle of a line.
        writeSync(file, isDevice ? `\r${text}\r\n` : `${text}\n`)
      } finally {
        closeSync(file)
      }
    } catch (error) {
      if (this.#broken.has(path)) return
      this.#broken.add(path)
      this.#log.warn('a console cannot be written', { console: path, reason: messageOf(error) })
    }
  }
}
