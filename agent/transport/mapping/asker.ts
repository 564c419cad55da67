/**
 * Asks a router one question at a time over a socket, and repeats it until the answer is there or the patience is over.
 *
 * Only the router's datagrams that answer the question count. All others are counted by the reason why not, and dropped: another
 * host's, one that makes no sense, one that answers something else.
 */

import type { Clock, Timer } from '../../core/clock.ts'
import type { Counters } from '../../core/counters.ts'
import type { UdpEndpoint } from '../../underlay/datagrams.ts'
import { type GatewaySocket, MappingError } from './ways.ts'

export interface AskerParts {
  readonly socket: GatewaySocket
  readonly to: UdpEndpoint
  /** Whether the router sends from there. */
  readonly isRouter: (from: UdpEndpoint) => boolean
  readonly clock: Clock
  readonly counters: Counters
}

export interface Question<Answer extends object> {
  readonly datagram: Uint8Array
  /** How long to wait after each time that it is sent, ms. */
  readonly waitsMs: readonly number[]
  /** The answer, or in a word why the datagram is none. */
  read(datagram: Uint8Array): Answer | string
}

interface Asking {
  /** Returns why the datagram is no answer; undefined when it is one. */
  take(datagram: Uint8Array): string | undefined
  refuse(): void
}

export class Asker {
  readonly #parts: AskerParts
  #asking: Asking | undefined

  constructor(parts: AskerParts) {
    this.#parts = parts
    const { socket, isRouter, counters } = parts
    socket.onDatagram = (datagram, from) => {
      const reason = isRouter(from) ? (this.#asking === undefined ? 'unasked' : this.#asking.take(datagram)) : 'foreign'
      if (reason !== undefined) counters.drop(reason)
    }
    socket.onRefused = () => this.#asking?.refuse()
  }

  /** @throws MappingError when no answer comes, or the signal's reason */
  async ask<Answer extends object>(question: Question<Answer>, signal: AbortSignal): Promise<Answer> {
    const { socket, to, clock, counters } = this.#parts
    signal.throwIfAborted()
    let timer: Timer | undefined
    let onAbort = () => {}
    let asking: Asking | undefined
    try {
      return await new Promise<Answer>((resolve, reject) => {
        onAbort = () => reject(signal.reason)
        signal.addEventListener('abort', onAbort)
        asking = {
          take: (datagram) => {
            const answer = question.read(datagram)
            if (typeof answer === 'string') return answer
            resolve(answer)
            return undefined
          },
          refuse: () => reject(new MappingError('closed', `nobody listens at ${to}`)),
        }
        this.#asking = asking
        const send = (turn: number) => {
          const waitMs = question.waitsMs[turn]
          if (waitMs === undefined) return reject(new MappingError('silent', `no answer from ${to}`))
          counters.add('asked')
          timer = clock.after(waitMs, () => send(turn + 1))
          socket.send(question.datagram, to)
        }
        send(0)
      })
    } finally {
      // The next question may have been asked already, when this one was aborted.
      if (this.#asking === asking) this.#asking = undefined
      timer?.cancel()
      signal.removeEventListener('abort', onAbort)
    }
  }

  close(): void {
    this.#parts.socket.close()
  }
}
