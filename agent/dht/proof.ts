/**
 * Signatures prove who may change an entry: a password becomes a key pair, and a storing node sees only its public
 * half.
 *
 * Guarantees: every field of a `Proven` change, and whose place the change takes, was signed by the holder of its password
 * and, when the password changes, by the former holder. The change is valid for its sub-key. Only `prove` makes one. So
 * nobody can add a former holder to a change or leave one out. A signature does not prove when it was made: an old change
 * can be replayed. It loses to any newer one that is remembered, and else is challenged (`Challenges`).
 */

import { EMPTY, equal, hex, hmac, sha256, utf8 } from '../core/bytes.ts'
import { decode, encode } from '../core/codec.ts'
import { type KeyPair, keyPairOf, verifies } from '../core/ed25519.ts'
import { PROOFS_REMEMBERED } from './constants.ts'
import type { Key, SubKey } from './dht.ts'
import { type Change, changeCodec, type Statement, statementCodec } from './messages.ts'
import { subKeyOf } from './sub-keys.ts'

/** Keeps a signature of ours from meaning anything in another protocol. */
const CONTEXT = utf8('wow dht change 2\n')
const DERIVATION = utf8('wow dht holder 1\n')

declare const proven: unique symbol
/** A change whose signatures are valid, and the sub-key it is for. */
export interface Proven {
  readonly subKey: SubKey
  readonly place: number
  readonly change: Change
  readonly [proven]: true
}

/** The key pair derived from a password for one key: it cannot be linked to the password's entries at other keys. */
export function holderOf(key: Key, password: Uint8Array): KeyPair {
  return keyPairOf(hmac(password, DERIVATION, key))
}

/** `former`: the former holder, when that is another. */
export function signChange(statement: Omit<Statement, 'holder'>, holder: KeyPair, former?: KeyPair): Change {
  const whole = { ...statement, holder: holder.publicKey }
  const message = messageOf(whole, former?.publicKey)
  const of = former === undefined ? undefined : { holder: former.publicKey, signature: former.sign(message) }
  return { statement: whole, signature: holder.sign(message), former: of }
}

/** undefined when a signature is not valid. The result shares no memory with `change`. */
export function prove(place: number, change: Change): Proven | undefined {
  const encoded = encode(changeCodec, change)
  const name = hex(change.signature)
  const known = held.get(name)
  if (known !== undefined && equal(known.encoded, encoded)) return provenAt(place, known)
  if (!holds(change)) return undefined
  if (held.size >= PROOFS_REMEMBERED) held.clear()
  const one: Held = { encoded, change: decode(changeCodec, encoded), at: [] }
  held.set(name, one)
  return provenAt(place, one)
}

/** The message of both signatures. `former` is the former holder's public key; its length is fixed, so it needs no mark. */
function messageOf(statement: Statement, former: Uint8Array | undefined): Uint8Array {
  return sha256(CONTEXT, encode(statementCodec, statement), former ?? EMPTY)
}

/** A change whose signatures are valid, its exact bytes, and the places it was proven for. */
interface Held {
  readonly encoded: Uint8Array
  readonly change: Change
  readonly at: Proven[]
}

/** By signature. A change arrives several times: when it is made, when it is retried, and whenever its entry moves. */
const held = new Map<string, Held>()

function holds({ statement, signature, former }: Change): boolean {
  const message = messageOf(statement, former?.holder)
  if (!verifies(statement.holder, message, signature)) return false
  return former === undefined || verifies(former.holder, message, former.signature)
}

function provenAt(place: number, { change, at }: Held): Proven {
  at[place] ??= { subKey: subKeyOf(change.statement.key, place), place, change } as Proven
  return at[place]
}
