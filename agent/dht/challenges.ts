/**
 * A replica's challenges: who answers one has the key of a change now. A signed change alone may be a replay of one whose
 * entry ended long ago.
 *
 * Guarantees: a challenge can be answered for `CHALLENGE_MS`, at its sub-key, and by the holder it was drawn for. The
 * replica remembers none: each carries a code (HMAC-SHA256) that only this node can make.
 */

import { equal, hmac, sha256, utf8 } from '../core/bytes.ts'
import type { Clock } from '../core/clock.ts'
import { encode, u48 } from '../core/codec.ts'
import { type KeyPair, verifies } from '../core/ed25519.ts'
import type { Random } from '../core/random.ts'
import { addressCodec } from '../overlay/address.ts'
import { CHALLENGE_MAC_BYTES, CHALLENGE_MS } from './constants.ts'
import type { SubKey } from './dht.ts'
import { type Challenge, type Change, challengesCodec, type Response } from './messages.ts'
import type { Proven } from './proof.ts'

const CONTEXT = utf8('wow dht response 1\n')
const SECRET_BYTES = 32

export class Challenges {
  readonly #clock: Clock
  readonly #secret: Uint8Array

  constructor({ clock, random }: { clock: Clock; random: Random }) {
    this.#clock = clock
    this.#secret = random.bytes(SECRET_BYTES)
  }

  draw(subKey: SubKey, holder: Uint8Array): Challenge {
    const at = Math.ceil(this.#clock.now())
    return { at, mac: this.#codeOf(at, subKey, holder) }
  }

  /** When this node drew the challenge that the holder of `proven` answers, ms; undefined when he answers none of it. */
  answeredAt({ subKey, change }: Proven, response: Response | undefined): number | undefined {
    const { holder } = change.statement
    const drawn = response?.challenges.find(
      ({ at, mac }) => this.#isOpen(at) && equal(mac, this.#codeOf(at, subKey, holder)),
    )
    if (response === undefined || drawn === undefined) return undefined
    return verifies(holder, messageOf(change, response.challenges), response.signature) ? drawn.at : undefined
  }

  #isOpen(at: number): boolean {
    return this.#clock.now() - at < CHALLENGE_MS
  }

  #codeOf(at: number, subKey: SubKey, holder: Uint8Array): Uint8Array {
    const code = hmac(this.#secret, encode(u48, at), encode(addressCodec, subKey), holder)
    return code.subarray(0, CHALLENGE_MAC_BYTES)
  }
}

/** The answer of the holder of `change`. */
export function answer(change: Change, challenges: readonly Challenge[], holder: KeyPair): Response {
  return { challenges, signature: holder.sign(messageOf(change, challenges)) }
}

function messageOf(change: Change, challenges: readonly Challenge[]): Uint8Array {
  return sha256(CONTEXT, change.signature, encode(challengesCodec, challenges))
}
