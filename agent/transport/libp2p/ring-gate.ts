/**
 * Lets only nodes that have the ring's key get as far as a handshake.
 *
 * The dialling side begins a connection with 32 bytes: a nonce, and a MAC of it under the ring's key. It waits for
 * nothing, so a connection takes no longer. The other side says nothing before the MAC has proved right: a stranger
 * costs one HMAC and learns only that the port is open. The gate limits what strangers cost and proves nothing by
 * itself, since the 32 bytes can be recorded and sent again. The proof is the Noise handshake behind it, which has the
 * same key in its prologue (`noisePrologue`): both sides fail unless both have it.
 *
 * Guarantees: a socket is handed on once, at its 33rd byte; or it is destroyed, after a wrong MAC, after `GATE_LIMIT_MS`,
 * or when `MAX_AT_GATE` newer ones wait.
 */

import type { Socket } from 'node:net'
import { concat, equal, hex, hmac, utf8 } from '../../core/bytes.ts'
import type { Clock } from '../../core/clock.ts'
import type { Random } from '../../core/random.ts'
import { GATE_LIMIT_MS, MAX_AT_GATE } from '../constants.ts'

const NONCE_BYTES = 16
const MAC_BYTES = 16
const SHOWN_BYTES = NONCE_BYTES + MAC_BYTES
const GATE_CONTEXT = utf8('wow ring gate 1\n')
const LAN_CONTEXT = utf8('wow ring lan 1\n')
const PROLOGUE_CONTEXT = utf8('wow ring prologue 1\n')

export class RingGate {
  readonly #key: Uint8Array
  readonly #random: Pick<Random, 'bytes'>
  readonly #clock: Clock
  /** Oldest first. */
  readonly #waiting = new Set<Socket>()

  constructor(parts: { ringKey: Uint8Array; random: Pick<Random, 'bytes'>; clock: Clock }) {
    this.#key = parts.ringKey
    this.#random = parts.random
    this.#clock = parts.clock
  }

  /** What a dialling node sends first. */
  show(): Uint8Array {
    const nonce = this.#random.bytes(NONCE_BYTES)
    return concat(nonce, this.#mac(nonce))
  }

  /** Calls `accept` when the other side has shown the key; what it sent after that is still to be read. */
  admit(socket: Socket, accept: () => void): void {
    const end = () => {
      timer.cancel()
      this.#waiting.delete(socket)
      socket.removeListener('readable', look)
    }
    const look = () => {
      const shown: Buffer | null = socket.read(SHOWN_BYTES)
      if (shown === null) return
      end()
      if (shown.length === SHOWN_BYTES && this.#isRight(shown)) {
        socket.removeListener('close', end)
        socket.removeListener('error', ignore)
        accept()
      } else socket.destroy()
    }
    const timer = this.#clock.after(GATE_LIMIT_MS, () => socket.destroy())
    this.#waiting.add(socket)
    if (this.#waiting.size > MAX_AT_GATE) this.#waiting.values().next().value!.destroy()
    socket.on('error', ignore)
    socket.on('close', end)
    socket.on('readable', look)
  }

  /** Destroys the sockets that wait. */
  close(): void {
    for (const socket of [...this.#waiting]) socket.destroy()
  }

  #isRight(shown: Uint8Array): boolean {
    return equal(shown.subarray(NONCE_BYTES), this.#mac(shown.subarray(0, NONCE_BYTES)))
  }

  #mac(nonce: Uint8Array): Uint8Array {
    return hmac(this.#key, GATE_CONTEXT, nonce).subarray(0, MAC_BYTES)
  }
}

/** A socket closes after an error; that is all there is to do. */
function ignore(): void {}

/** What both sides of a Noise handshake must agree on (Noise specification, section 6): it cannot be guessed. */
export function noisePrologue(ringKey: Uint8Array): Uint8Array {
  return hmac(ringKey, PROLOGUE_CONTEXT)
}

/** Names the ring on a LAN without a hint at its key. */
export function ringTag(ringKey: Uint8Array): string {
  return hex(hmac(ringKey, LAN_CONTEXT).subarray(0, 4))
}
