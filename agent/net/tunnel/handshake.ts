/**
 * Both ends of a handshake, without timers or I/O: what to send, and whether the peer's message proves that it knows
 * the namespace's secret (messages.ts has the messages and the proof).
 */

import { equal } from '../../core/bytes.ts'
import type { Random } from '../../core/random.ts'
import type { NamespaceKeys } from '../../namespace/keys.ts'
import type { Address } from '../../overlay/address.ts'
import {
  NONCE_BYTES,
  proveMembership,
  provesMembership,
  sessionId,
  type Transcript,
  type TunnelMessage,
} from './messages.ts'

type Welcome = Extract<TunnelMessage, { kind: 'welcome' }>
type Confirm = Extract<TunnelMessage, { kind: 'confirm' }>

export interface HandshakeParts {
  readonly self: Address
  readonly peer: Address
  readonly keys: NamespaceKeys
  readonly random: Random
}

/** The initiator's answer to a welcome for its `nonce`; undefined when the welcome proves nothing. */
export function confirmWelcome(parts: HandshakeParts, nonce: Uint8Array, welcome: Welcome): Confirm | undefined {
  const { self, peer, keys } = parts
  const transcript: Transcript = {
    initiator: self,
    responder: peer,
    initiatorNonce: nonce,
    responderNonce: welcome.mine,
  }
  if (!provesMembership(keys, 'responder', transcript, welcome.proof)) return undefined
  return {
    kind: 'confirm',
    session: sessionId(keys, transcript),
    proof: proveMembership(keys, 'initiator', transcript),
  }
}

/** The responder: remembers the last handshake that its peer began. */
export class Responder {
  readonly #parts: HandshakeParts
  #open: (Transcript & { readonly id: number }) | undefined

  constructor(parts: HandshakeParts) {
    this.#parts = parts
  }

  /** Whether a hello with this nonce belongs to the current handshake. */
  knows(nonce: Uint8Array): boolean {
    return this.#open !== undefined && equal(this.#open.initiatorNonce, nonce)
  }

  /** A repeated hello gets the same welcome. */
  welcome(nonce: Uint8Array): Welcome {
    const open = this.#open !== undefined && this.knows(nonce) ? this.#open : this.#begin(nonce)
    this.#open = open
    return {
      kind: 'welcome',
      yours: open.initiatorNonce,
      mine: open.responderNonce,
      proof: proveMembership(this.#parts.keys, 'responder', open),
    }
  }

  /** `stale`: it does not belong to the current handshake. Each handshake is judged once, whatever the verdict. */
  judge(confirm: Confirm): 'proven' | 'refused' | 'stale' {
    const open = this.#open
    if (open === undefined || open.id !== confirm.session) return 'stale'
    this.#open = undefined
    return provesMembership(this.#parts.keys, 'initiator', open, confirm.proof) ? 'proven' : 'refused'
  }

  forget(): void {
    this.#open = undefined
  }

  #begin(nonce: Uint8Array): Transcript & { readonly id: number } {
    const { self, peer, keys, random } = this.#parts
    const transcript: Transcript = {
      initiator: peer,
      responder: self,
      initiatorNonce: nonce.slice(),
      responderNonce: random.bytes(NONCE_BYTES),
    }
    return { ...transcript, id: sessionId(keys, transcript) }
  }
}
