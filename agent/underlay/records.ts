/** Records: what two nodes say to each other under the keys of one handshake. One record is one datagram. */

import type { KeyObject } from 'node:crypto'
import { aeadKey, open, sealInto, TAG_BYTES } from './aead.ts'
import type { Agreed } from './handshake.ts'
import { type Packet, RECORD_HEAD_BYTES, setRecordHead } from './packets.ts'
import { ReplayWindow } from './replay-window.ts'

/** `answer` is the answer to a `challenge`, or one of those to a `later`. */
const TYPES = ['control', 'datagram', 'keep-alive', 'close', 'challenge', 'answer', 'later'] as const
export type RecordType = (typeof TYPES)[number]

/**
 * Why a session ends: its owner closed it; another session between the two nodes stands; the session to renew is not
 * known; the node has too many.
 */
export const CLOSE_REASONS = ['closed', 'duplicate', 'unknown', 'full'] as const
export type CloseReason = (typeof CLOSE_REASONS)[number]

/** A keep-alive is as long as a challenge, so that a challenge is never longer than what it answers. */
export const CHALLENGE_BYTES = 8

/** Bytes that a record adds to its payload. */
export const RECORD_OVERHEAD = RECORD_HEAD_BYTES + 1 + TAG_BYTES

/** So that a `later` is as long as its two answers. */
export const LATER_BYTES = 2 * CHALLENGE_BYTES + RECORD_OVERHEAD

export interface OpenedRecord {
  readonly type: RecordType
  readonly body: Uint8Array
}

export class RecordKeys {
  /** This node's receiver index for these keys. */
  readonly local: number
  readonly madeAt: number
  /** Names the handshake that made these keys. */
  readonly id: Uint8Array
  readonly #remote: number
  readonly #send: KeyObject
  readonly #receive: KeyObject
  readonly #window = new ReplayWindow()
  #sent = 0

  constructor(local: number, agreed: Agreed, now: number) {
    this.local = local
    this.madeAt = now
    this.id = agreed.id
    this.#remote = agreed.remote
    this.#send = aeadKey(agreed.keys.send)
    this.#receive = aeadKey(agreed.keys.receive)
  }

  /** Whether the peer has shown that it has these keys. */
  get heard(): boolean {
    return this.#window.greatest >= 0
  }

  /** Records sealed or opened, whichever are more. */
  get records(): number {
    return Math.max(this.#sent, this.#window.greatest + 1)
  }

  seal(type: RecordType, body: Uint8Array): Uint8Array {
    const record = new Uint8Array(RECORD_OVERHEAD + body.length)
    const counter = this.#sent++
    setRecordHead(record, this.#remote, counter)
    const plaintext = new Uint8Array(1 + body.length)
    plaintext[0] = TYPES.indexOf(type)
    plaintext.set(body, 1)
    sealInto(record, RECORD_HEAD_BYTES, this.#send, counter, record.subarray(0, RECORD_HEAD_BYTES), plaintext)
    return record
  }

  /** Why a record is nothing, or what it says. Each record is opened once. */
  open(packet: Packet & { kind: 'record' }): OpenedRecord | 'replayed-record' | 'forged-record' | 'odd-record' {
    if (!this.#window.admits(packet.counter)) return 'replayed-record'
    const plaintext = open(this.#receive, packet.counter, packet.head, packet.sealed)
    if (plaintext === undefined) return 'forged-record'
    this.#window.take(packet.counter)
    const type = TYPES[plaintext[0] ?? TYPES.length]
    const body = plaintext.subarray(1)
    if (type === undefined || !isRightLength(type, body.length)) return 'odd-record'
    return { type, body }
  }
}

function isRightLength(type: RecordType, length: number): boolean {
  if (type === 'control' || type === 'datagram') return true
  if (type === 'later') return length === LATER_BYTES
  return length === (type === 'close' ? 1 : CHALLENGE_BYTES)
}

export function closeBody(reason: CloseReason): Uint8Array {
  return Uint8Array.of(CLOSE_REASONS.indexOf(reason))
}

/** A reason that this version does not know counts as `closed`. */
export function closeReason(body: Uint8Array): CloseReason {
  return CLOSE_REASONS[body[0] ?? 0] ?? 'closed'
}
