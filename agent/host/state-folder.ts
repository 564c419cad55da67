/**
 * The folder where an agent keeps what must survive a restart: its identity, its leases, and peers to dial next time.
 *
 * Guarantees: one agent uses it at a time. Every file is whole and 0600. A corrupt file is an error that names it,
 * because going on without it would silently turn this node into another.
 */

import { accessSync, chmodSync, constants, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import { codeOf, InputError, messageOf } from '../core/errors.ts'
import { writeWhole } from '../core/files.ts'
import { startOf } from './process-start.ts'

/** How many nodes are remembered, to be asked first after a restart. */
export const MAX_REMEMBERED = 32
/** Room in `sun_path` (unix(7)) less the terminating zero. */
const MAX_SOCKET_PATH = 107

const rememberedSchema = v.object({
  version: v.literal(1),
  /** The port last listened on, over TCP and UDP, so that nodes that remember this one find it again; 0: none. */
  port: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535)),
  peers: v.array(v.string()),
})

export interface Remembered {
  readonly port: number
  readonly peers: readonly string[]
}

export class StateFolder {
  readonly path: string
  #locked = false

  constructor(path: string) {
    this.path = path
  }

  get socket(): string {
    return join(this.path, 'control.sock')
  }

  get #peersFile(): string {
    return join(this.path, 'peers.json')
  }

  get #lockFile(): string {
    return join(this.path, 'agent.pid')
  }

  /** Checks that the folder exists, or could be made, and is writable; changes nothing. @throws InputError */
  check(): void {
    if (Buffer.byteLength(this.socket) > MAX_SOCKET_PATH) {
      throw new InputError(
        'STATE_PATH_TOO_LONG',
        `The state folder ${this.path} has too long a name for its control socket.`,
        'Give a shorter one with --state DIR.',
      )
    }
    let folder = this.path
    for (;;) {
      try {
        if (!statSync(folder).isDirectory()) throw this.#unwritable(`${folder} is not a folder`)
        accessSync(folder, constants.W_OK | constants.X_OK)
        return
      } catch (error) {
        if (codeOf(error) !== 'ENOENT' || dirname(folder) === folder) throw this.#unwritable(error)
        folder = dirname(folder)
      }
    }
  }

  /** Makes the folder and locks it for this process. @throws InputError if another agent has it or it is unwritable. */
  claim(): void {
    try {
      mkdirSync(this.path, { recursive: true, mode: 0o700 })
      chmodSync(this.path, 0o700)
      this.#lock()
    } catch (error) {
      throw error instanceof InputError ? error : this.#unwritable(error)
    }
  }

  #lock(): void {
    const mine = `${process.pid} ${startOf(process.pid) ?? ''}\n`
    for (let tries = 0; tries < 3; tries++) {
      try {
        writeFileSync(this.#lockFile, mine, { flag: 'wx', mode: 0o600 })
        this.#locked = true
        return
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error
      }
      const holder = this.holder()
      if (holder !== undefined) {
        throw new InputError(
          'STATE_IN_USE',
          `The state folder ${this.path} is in use by the agent with process id ${holder}.`,
          'Stop that agent, or give this one a folder of its own with --state DIR.',
        )
      }
      rmSync(this.#lockFile, { force: true })
    }
    throw this.#unwritable(`${this.#lockFile} cannot be taken`)
  }

  /** The process id of the agent that uses this folder; undefined when none runs. */
  holder(): number | undefined {
    let text: string
    try {
      text = readFileSync(this.#lockFile, 'utf8')
    } catch {
      return undefined
    }
    const [id = '', start = ''] = text.trim().split(' ')
    const pid = Number(id)
    // Another process may have this id now: its start time tells.
    return Number.isInteger(pid) && pid > 0 && startOf(pid) === start ? pid : undefined
  }

  /** Unlocks the folder. */
  release(): void {
    if (!this.#locked) return
    this.#locked = false
    rmSync(this.socket, { force: true })
    rmSync(this.#lockFile, { force: true })
  }

  /**
   * Forgets this node's identity and leases; the next start makes a new identity. The marker `copied` tells the
   * appliance (/usr/lib/wow/wake) to renew its other parts too when it boots.
   */
  disown(): void {
    for (const file of ['identity.json', 'leases.json']) rmSync(join(this.path, file), { force: true })
    writeWhole(join(this.path, 'copied'), '')
  }

  /** What the last run learned. @throws InputError when the file is corrupt. */
  remembered(): Remembered {
    let text: string
    try {
      text = readFileSync(this.#peersFile, 'utf8')
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return { port: 0, peers: [] }
      throw this.#corrupt(messageOf(error))
    }
    try {
      return v.parse(rememberedSchema, JSON.parse(text))
    } catch (error) {
      throw this.#corrupt(messageOf(error))
    }
  }

  /** @throws the system's error when the folder can no longer be written. */
  remember({ port, peers }: Remembered): void {
    const content: v.InferOutput<typeof rememberedSchema> = { version: 1, port, peers: peers.slice(0, MAX_REMEMBERED) }
    writeWhole(this.#peersFile, `${JSON.stringify(content, null, 2)}\n`)
  }

  #corrupt(why: string): InputError {
    return new InputError(
      'STATE_CORRUPT',
      `The state file ${this.#peersFile} is corrupt: ${why}.`,
      'Remove it; it is only a list of peers, and the agent makes a new one.',
    )
  }

  #unwritable(error: unknown): InputError {
    return new InputError(
      'STATE_UNWRITABLE',
      `The state folder ${this.path} cannot be written: ${messageOf(error)}.`,
      'Give one that you may write with --state DIR.',
      { cause: error },
    )
  }
}
