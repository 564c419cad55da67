/**
 * A TCP port that is open before libp2p is loaded.
 *
 * Nodes of today link over UDP, and libp2p costs a sixth of an agent's start and 8 MB. So the port waits for its first
 * connection, and has libp2p loaded then. Strangers do not cause that in a ring of its own: they end at the gate.
 *
 * Guarantees: no connection is refused or lost while libp2p takes the port over, but for those beyond `MAX_PENDING`. After
 * `close` none is taken.
 */

import { createServer, Server, type Socket } from 'node:net'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { codeOf } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { MAX_PENDING } from '../constants.ts'
import { listenFailure } from '../listen-failure.ts'
import type { RingGate } from './ring-gate.ts'

export const SOCKET = { noDelay: true, keepAlive: true }

export interface TcpPortParts {
  /** undefined: a shared ring, which has none. */
  readonly gate: RingGate | undefined
  /** A connection waits, and nobody has taken the port over yet. */
  readonly onWaiting: () => void
  readonly log: Log
}

export class TcpPort {
  /** The address as it was given, with the port that it got in the place of 0. */
  readonly address: Multiaddr
  readonly #server: Server
  readonly #parts: TcpPortParts
  readonly #waiting = new Set<Socket>()
  #owner: Server | undefined
  #accept: ((socket: Socket) => void) | undefined
  #closed = false

  /**
   * @returns undefined where nobody can reach it: an IPv6 address on a machine without IPv6 is only a warning
   * @throws InputError
   */
  static async open(address: Multiaddr, parts: TcpPortParts): Promise<TcpPort | undefined> {
    const [host, port] = address.getComponents()
    const server = createServer(SOCKET)
    try {
      await listening(server, { host: host?.value ?? '', port: Number(port?.value), ipv6Only: host?.name === 'ip6' })
    } catch (error) {
      const code = codeOf(error) ?? 'unknown reason'
      if (code !== 'EAFNOSUPPORT') throw listenFailure(address.toString(), code, error)
      parts.log.warn('this machine has no IPv6', { listen: address.toString() })
      return undefined
    }
    return new TcpPort(address, server, parts)
  }

  private constructor(given: Multiaddr, server: Server, parts: TcpPortParts) {
    const at = server.address()
    const port = typeof at === 'object' ? at?.port : undefined
    this.address = multiaddr(given.toString().replace(/\d+$/, String(port)))
    this.#server = server
    this.#parts = parts
    server.on('connection', (socket: Socket) => this.#admit(socket))
  }

  /** `owner` listens at this port from now on, when it is told to listen, and gets the connections that wait. */
  handTo(owner: Server): void {
    const accepting = owner.listeners('connection')
    owner.removeAllListeners('connection')
    owner.on('connection', (socket: Socket) => this.#admit(socket))
    Object.defineProperty(owner, 'listen', {
      value: (_where: unknown, onListening: () => void) =>
        Server.prototype.listen.call(owner, this.#server, onListening),
    })
    this.#owner = owner
    owner.once('listening', () => {
      this.#accept = (socket) => {
        for (const accept of accepting) accept.call(owner, socket)
      }
      for (const socket of this.#waiting) this.#handOn(socket)
    })
  }

  /** Ends the connections that are not libp2p's yet, and those that come until its owner closes the port. */
  close(): void {
    this.#closed = true
    this.#parts.gate?.close()
    this.hangUp()
    if (this.#owner === undefined) this.#server.close()
  }

  /** Ends the connections that wait to be taken. */
  hangUp(): void {
    for (const socket of [...this.#waiting]) socket.destroy()
  }

  #admit(socket: Socket): void {
    if (this.#closed) socket.destroy()
    else if (this.#parts.gate === undefined) this.#take(socket)
    else this.#parts.gate.admit(socket, () => this.#take(socket))
  }

  #take(socket: Socket): void {
    if (this.#accept !== undefined) this.#accept(socket)
    else if (this.#waiting.size === MAX_PENDING) socket.destroy()
    else {
      socket.on('error', ignore)
      socket.once('close', () => this.#waiting.delete(socket))
      this.#waiting.add(socket)
      this.#parts.onWaiting()
    }
  }

  #handOn(socket: Socket): void {
    this.#waiting.delete(socket)
    this.#accept?.(socket)
    socket.removeListener('error', ignore)
  }
}

/** A socket closes after an error; that is all there is to do. */
function ignore(): void {}

async function listening(server: Server, where: { host: string; port: number; ipv6Only: boolean }): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(where, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
}
