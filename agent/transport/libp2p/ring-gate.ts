/**
 * Lets only nodes that have the ring's key get as far as a handshake.
 *
 * The dialling side begins a connection with 32 bytes: a nonce, and a MAC of it under the ring's key. It waits for
 * nothing, so a connection takes no longer. The other side says nothing before the MAC has proved right: a stranger
 * costs one HMAC and learns only that the port is open. The gate limits what strangers cost and proves nothing by
 * itself, since the 32 bytes can be recorded and sent again. The proof is the Noise handshake behind it, which has the
 * same key in its prologue (`noisePrologue`): both sides fail unless both have it.
 */

import type { ConnectionProtector, MessageStream } from '@libp2p/interface'
import { byteStream } from '@libp2p/utils'
import { concat, equal, hex, hmac, utf8 } from '../../core/bytes.ts'
import type { Random } from '../../core/random.ts'
import { GATE_LIMIT_MS } from '../constants.ts'

const NONCE_BYTES = 16
const MAC_BYTES = 16
/** What a dialler sends right behind them is the first message of the handshake. */
const MAX_EARLY_BYTES = 4096
const GATE_CONTEXT = utf8('wow ring gate 1\n')
const LAN_CONTEXT = utf8('wow ring lan 1\n')
const PROLOGUE_CONTEXT = utf8('wow ring prologue 1\n')

export class RingGate implements ConnectionProtector {
  readonly #key: Uint8Array
  readonly #random: Pick<Random, 'bytes'>

  constructor(ringKey: Uint8Array, random: Pick<Random, 'bytes'>) {
    this.#key = ringKey
    this.#random = random
  }

  /** @throws Error when the other side dialled and has not shown the ring's key within `GATE_LIMIT_MS` */
  async protect(connection: MessageStream): Promise<MessageStream> {
    if (connection.direction === 'outbound') {
      const nonce = this.#random.bytes(NONCE_BYTES)
      connection.send(concat(nonce, this.#mac(nonce)))
      return connection
    }
    const bytes = byteStream(connection, { maxBufferSize: MAX_EARLY_BYTES })
    try {
      const shown = await bytes.read({ bytes: NONCE_BYTES + MAC_BYTES, signal: AbortSignal.timeout(GATE_LIMIT_MS) })
      const [nonce, mac] = [shown.subarray(0, NONCE_BYTES), shown.subarray(NONCE_BYTES)]
      if (!equal(mac, this.#mac(nonce))) throw new Error('the other side does not have the key of this ring')
      return bytes.unwrap()
    } catch (error) {
      connection.abort(error instanceof Error ? error : new Error(String(error)))
      throw error
    }
  }

  #mac(nonce: Uint8Array): Uint8Array {
    return hmac(this.#key, GATE_CONTEXT, nonce).subarray(0, MAC_BYTES)
  }
}

/** What both sides of a Noise handshake must agree on (Noise specification, section 6): it cannot be guessed. */
export function noisePrologue(ringKey: Uint8Array): Uint8Array {
  return hmac(ringKey, PROLOGUE_CONTEXT)
}

/** Names the ring on a LAN without a hint at its key. */
export function ringTag(ringKey: Uint8Array): string {
  return hex(hmac(ringKey, LAN_CONTEXT).subarray(0, 4))
}
