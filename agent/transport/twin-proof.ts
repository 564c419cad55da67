/** Proofs that a run holds the key behind its address: signatures of a nonce. A copy of the node can make them too. */

import { concat, utf8 } from '../core/bytes.ts'
import { type KeyPair, keyPairOf, SEED_BYTES, verifies } from '../core/ed25519.ts'
import type { Identity } from './identity.ts'

/** Keeps a proof of ours from meaning anything in another protocol. */
const TWIN_CONTEXT = utf8('wow twin 1\n')

export class TwinProof {
  readonly #key: KeyPair

  constructor(identity: Identity) {
    this.#key = keyPairOf(identity.privateKey.raw.subarray(0, SEED_BYTES))
  }

  prove(nonce: Uint8Array): Uint8Array {
    return this.#key.sign(concat(TWIN_CONTEXT, nonce))
  }

  isOwn(nonce: Uint8Array, proof: Uint8Array): boolean {
    return verifies(this.#key.publicKey, concat(TWIN_CONTEXT, nonce), proof)
  }
}
