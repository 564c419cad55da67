/**
 * The handshake of two nodes: Noise XX, with a proof of each node's identity in it.
 *
 * Guarantees: the peer's address is the hash of an Ed25519 key, and that key signed the static key of this handshake.
 * Both sides have the same ring key, or both have none. Both know the same receiver indices.
 */

import { concat, hmac, sha256, utf8 } from '../core/bytes.ts'
import { type KeyPair, PUBLIC_KEY_BYTES, verifies } from '../core/ed25519.ts'
import type { Random } from '../core/random.ts'
import { type Address, addressOfPublicKey } from '../overlay/address.ts'
import { NoiseXX, type TransportKeys } from './noise.ts'
import {
  COOKIE_BYTES,
  FIRST_PAYLOAD_BYTES,
  firstBody,
  INDEX_BYTES,
  KIND,
  MAC_BYTES,
  packetTo,
  setUint32,
  uint32At,
} from './packets.ts'
import { DH_BYTES, type DhKeyPair, dhKeyPairOf } from './x25519.ts'

const PROLOGUE_CONTEXT = utf8('wow underlay prologue 1\n')
const MAC_CONTEXT = utf8('wow underlay mac 1\n')
const IDENTITY_CONTEXT = utf8('wow underlay identity 1\n')

export const SESSION_ID_BYTES = 16
export const NO_SESSION = new Uint8Array(SESSION_ID_BYTES)

/** `open`: a session. `unless`: a session, unless the peer still has the one named. `rekey`: new keys for the one named. */
const PURPOSES = ['open', 'unless', 'rekey'] as const
export interface Purpose {
  readonly kind: (typeof PURPOSES)[number]
  readonly session: Uint8Array
}

/** What a handshake agreed on. */
export interface Agreed {
  readonly keys: TransportKeys
  /** The peer's receiver index. */
  readonly remote: number
  /** The same at both ends, and no other handshake's. */
  readonly id: Uint8Array
}

/** What a node needs for every handshake. The static key is new at each start. */
export class NodeKeys {
  readonly self: Address
  readonly #static: DhKeyPair
  readonly #random: Pick<Random, 'bytes'>
  readonly #prologue: Uint8Array
  /** Of first messages and cookies. */
  readonly macKey: Uint8Array
  /** The identity, and its signature of the static key. */
  readonly proof: Uint8Array

  constructor(identity: KeyPair, ringKey: Uint8Array | undefined, random: Pick<Random, 'bytes'>) {
    this.self = addressOfPublicKey(identity.publicKey)
    this.#random = random
    this.#static = dhKeyPairOf(random.bytes(DH_BYTES))
    this.#prologue = ringKey === undefined ? PROLOGUE_CONTEXT : hmac(ringKey, PROLOGUE_CONTEXT)
    this.macKey = ringKey === undefined ? sha256(MAC_CONTEXT) : hmac(ringKey, MAC_CONTEXT)
    this.proof = concat(identity.publicKey, identity.sign(concat(IDENTITY_CONTEXT, this.#static.publicKey)))
  }

  /** A new handshake, with a key of its own. */
  noise(initiator: boolean): NoiseXX {
    const ephemeral = dhKeyPairOf(this.#random.bytes(DH_BYTES))
    return new NoiseXX({ initiator, prologue: this.#prologue, static: this.#static, ephemeral })
  }

  /** Keeps out strangers without the ring's key, where there is one. */
  mac(...parts: Uint8Array[]): Uint8Array {
    return hmac(this.macKey, ...parts).subarray(0, MAC_BYTES)
  }
}

export class Initiator {
  readonly #keys: NodeKeys
  readonly #noise: NoiseXX
  readonly #message: Uint8Array
  #remote = 0

  /** `index`: this node's receiver index. */
  constructor(keys: NodeKeys, index: number) {
    this.#keys = keys
    this.#noise = keys.noise(true)
    const payload = new Uint8Array(FIRST_PAYLOAD_BYTES)
    setUint32(payload, 0, index)
    this.#message = this.#noise.write(payload)!
  }

  /** The first datagram. */
  first(cookie: Uint8Array = new Uint8Array(COOKIE_BYTES)): Uint8Array {
    const body = firstBody(this.#message, cookie)
    return concat(body, this.#keys.mac(body))
  }

  /** Who answered; undefined when `noise` is no answer to this handshake. */
  readSecond(noise: Uint8Array): Address | undefined {
    let peer: Address | undefined
    const payload = this.#noise.read(noise, (bytes, staticKey) => {
      peer = provenBy(bytes.subarray(INDEX_BYTES), staticKey)
      return peer !== undefined
    })
    if (payload !== undefined) this.#remote = uint32At(payload, 0)
    return payload === undefined ? undefined : peer
  }

  /** The third datagram, after the second was read; undefined when the peer's keys are no good. */
  third(purpose: Purpose): Uint8Array | undefined {
    const payload = concat(Uint8Array.of(PURPOSES.indexOf(purpose.kind)), purpose.session, this.#keys.proof)
    const noise = this.#noise.write(payload)
    return noise === undefined ? undefined : packetTo(KIND.third, this.#remote, noise)
  }

  /** undefined before the third datagram. */
  agreed(): Agreed | undefined {
    return agreed(this.#noise, this.#remote)
  }
}

export class Responder {
  readonly #noise: NoiseXX
  readonly #remote: number
  /** The second datagram. */
  readonly second: Uint8Array

  private constructor(noise: NoiseXX, remote: number, second: Uint8Array) {
    this.#noise = noise
    this.#remote = remote
    this.second = second
  }

  /** Answers the first message; undefined when its key is no good. `index`: this node's receiver index. */
  static answer(keys: NodeKeys, first: Uint8Array, index: number): Responder | undefined {
    const noise = keys.noise(false)
    const remote = uint32At(noise.read(first)!, 0)
    const head = new Uint8Array(INDEX_BYTES)
    setUint32(head, 0, index)
    const second = noise.write(concat(head, keys.proof))
    return second === undefined ? undefined : new Responder(noise, remote, packetTo(KIND.second, remote, second))
  }

  /** Who asks for what; undefined when `noise` does not end this handshake. */
  readThird(noise: Uint8Array): { peer: Address; purpose: Purpose } | undefined {
    const proofAt = 1 + SESSION_ID_BYTES
    let asked: { peer: Address; purpose: Purpose } | undefined
    const payload = this.#noise.read(noise, (bytes, staticKey) => {
      const kind = PURPOSES[bytes[0] ?? PURPOSES.length]
      const peer = provenBy(bytes.subarray(proofAt), staticKey)
      if (kind !== undefined && peer !== undefined) {
        asked = { peer, purpose: { kind, session: bytes.slice(1, proofAt) } }
      }
      return asked !== undefined
    })
    return payload === undefined ? undefined : asked
  }

  /** undefined before the third message was read. */
  agreed(): Agreed | undefined {
    return agreed(this.#noise, this.#remote)
  }
}

function agreed(noise: NoiseXX, remote: number): Agreed | undefined {
  const keys = noise.split()
  return keys === undefined ? undefined : { keys, remote, id: noise.hash.slice(0, SESSION_ID_BYTES) }
}

/** The address of the identity that signed `staticKey`. */
function provenBy(proof: Uint8Array, staticKey: Uint8Array): Address | undefined {
  const identity = proof.subarray(0, PUBLIC_KEY_BYTES)
  const signature = proof.subarray(PUBLIC_KEY_BYTES)
  if (!verifies(identity, concat(IDENTITY_CONTEXT, staticKey), signature)) return undefined
  return addressOfPublicKey(identity)
}
