/**
 * Noise_XX_25519_ChaChaPoly_SHA256, from the Noise specification, revision 34.
 *
 * Guarantees: a message that is damaged, forged or out of turn changes nothing, so the true one can still come.
 */

import type { KeyObject } from 'node:crypto'
import { concat, EMPTY, hmac, sha256, utf8 } from '../core/bytes.ts'
import { aeadKey, open, sealInto, TAG_BYTES } from './aead.ts'
import { DH_BYTES, type DhKeyPair } from './x25519.ts'

/** 32 bytes, as many as a hash has, so it is the first hash itself (section 5.2). */
const PROTOCOL_NAME = utf8('Noise_XX_25519_ChaChaPoly_SHA256')

type Token = 'e' | 's' | 'ee' | 'es' | 'se'

/** Section 7.5; the initiator sends the first and the last message. */
const XX: readonly (readonly Token[])[] = [['e'], ['e', 'ee', 's', 'es'], ['s', 'se']]

/** The keys of the two directions, 32 bytes each. */
export interface TransportKeys {
  readonly send: Uint8Array
  readonly receive: Uint8Array
}

type IsGood = (payload: Uint8Array, remoteStatic: Uint8Array) => boolean

export class NoiseXX {
  readonly #initiator: boolean
  readonly #static: DhKeyPair
  readonly #ephemeral: DhKeyPair
  #symmetric: SymmetricState
  #remoteStatic: Uint8Array = EMPTY
  #remoteEphemeral: Uint8Array = EMPTY
  /** How many messages went, either way. */
  #messages = 0

  constructor(parts: { initiator: boolean; prologue: Uint8Array; static: DhKeyPair; ephemeral: DhKeyPair }) {
    this.#initiator = parts.initiator
    this.#static = parts.static
    this.#ephemeral = parts.ephemeral
    this.#symmetric = new SymmetricState(PROTOCOL_NAME, PROTOCOL_NAME)
    this.#symmetric.mixHash(parts.prologue)
  }

  /** Names this handshake; both sides have the same at its end (section 11.2). */
  get hash(): Uint8Array {
    return this.#symmetric.hash
  }

  /** The next message of this side; undefined when it is not this side's turn, or the peer's keys are no good. */
  write(payload: Uint8Array): Uint8Array | undefined {
    const tokens = this.#turn(true)
    if (tokens === undefined) return undefined
    const symmetric = this.#symmetric.copy()
    const parts: Uint8Array[] = []
    for (const token of tokens) {
      if (token === 'e') {
        parts.push(this.#ephemeral.publicKey)
        symmetric.mixHash(this.#ephemeral.publicKey)
      } else if (token === 's') parts.push(symmetric.encryptAndHash(this.#static.publicKey))
      else if (!this.#mixShared(symmetric, token, this.#remoteStatic, this.#remoteEphemeral)) return undefined
    }
    parts.push(symmetric.encryptAndHash(payload))
    this.#symmetric = symmetric
    this.#messages++
    return concat(...parts)
  }

  /**
   * The payload of the peer's next message; undefined when `message` is not that, which changes nothing.
   * @param isGood whether the payload is what the owner wants, from a peer with this static key
   */
  read(message: Uint8Array, isGood: IsGood = () => true): Uint8Array | undefined {
    const tokens = this.#turn(false)
    if (tokens === undefined) return undefined
    const symmetric = this.#symmetric.copy()
    let remoteStatic: Uint8Array = this.#remoteStatic
    let remoteEphemeral: Uint8Array = this.#remoteEphemeral
    let rest = message
    for (const token of tokens) {
      if (token === 'e') {
        if (rest.length < DH_BYTES) return undefined
        remoteEphemeral = rest.slice(0, DH_BYTES)
        rest = rest.subarray(DH_BYTES)
        symmetric.mixHash(remoteEphemeral)
      } else if (token === 's') {
        const opened = symmetric.decryptAndHash(rest.subarray(0, DH_BYTES + TAG_BYTES))
        if (opened?.length !== DH_BYTES) return undefined
        remoteStatic = opened
        rest = rest.subarray(DH_BYTES + TAG_BYTES)
      } else if (!this.#mixShared(symmetric, token, remoteStatic, remoteEphemeral)) return undefined
    }
    const payload = symmetric.decryptAndHash(rest)
    if (payload === undefined || !isGood(payload, remoteStatic)) return undefined
    this.#symmetric = symmetric
    this.#remoteStatic = remoteStatic
    this.#remoteEphemeral = remoteEphemeral
    this.#messages++
    return payload
  }

  /** The keys for what follows the last message; undefined before that. */
  split(): TransportKeys | undefined {
    if (this.#messages < XX.length) return undefined
    const [first, second] = hkdf(this.#symmetric.chainingKey, EMPTY)
    return this.#initiator ? { send: first, receive: second } : { send: second, receive: first }
  }

  #turn(own: boolean): readonly Token[] | undefined {
    const initiators = this.#messages % 2 === 0
    return (initiators === this.#initiator) === own ? XX[this.#messages] : undefined
  }

  #mixShared(symmetric: SymmetricState, token: Token, remoteStatic: Uint8Array, remoteEphemeral: Uint8Array): boolean {
    const ownIsStatic = token === (this.#initiator ? 'se' : 'es')
    const remoteIsStatic = token === (this.#initiator ? 'es' : 'se')
    const own = ownIsStatic ? this.#static : this.#ephemeral
    const secret = own.sharedWith(remoteIsStatic ? remoteStatic : remoteEphemeral)
    if (secret !== undefined) symmetric.mixKey(secret)
    return secret !== undefined
  }
}

/** Section 5.2, with the cipher state of section 5.1 in it. */
class SymmetricState {
  chainingKey: Uint8Array
  hash: Uint8Array
  #key: KeyObject | undefined
  #nonce = 0

  constructor(chainingKey: Uint8Array, hash: Uint8Array) {
    this.chainingKey = chainingKey
    this.hash = hash
  }

  copy(): SymmetricState {
    const copy = new SymmetricState(this.chainingKey, this.hash)
    copy.#key = this.#key
    copy.#nonce = this.#nonce
    return copy
  }

  mixHash(data: Uint8Array): void {
    this.hash = sha256(this.hash, data)
  }

  mixKey(material: Uint8Array): void {
    const [chainingKey, key] = hkdf(this.chainingKey, material)
    this.chainingKey = chainingKey
    this.#key = aeadKey(key)
    this.#nonce = 0
  }

  encryptAndHash(plaintext: Uint8Array): Uint8Array {
    let sealed = plaintext
    if (this.#key !== undefined) {
      sealed = new Uint8Array(plaintext.length + TAG_BYTES)
      sealInto(sealed, 0, this.#key, this.#nonce++, this.hash, plaintext)
    }
    this.mixHash(sealed)
    return sealed
  }

  decryptAndHash(sealed: Uint8Array): Uint8Array | undefined {
    const plaintext = this.#key === undefined ? sealed : open(this.#key, this.#nonce++, this.hash, sealed)
    this.mixHash(sealed)
    return plaintext
  }
}

/** HKDF with two outputs (section 4.3). */
function hkdf(chainingKey: Uint8Array, material: Uint8Array): [Uint8Array, Uint8Array] {
  const secret = hmac(chainingKey, material)
  const first = hmac(secret, Uint8Array.of(1))
  return [first, hmac(secret, first, Uint8Array.of(2))]
}
