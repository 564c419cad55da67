/**
 * The datagrams of node sessions: their kinds, layouts and sizes. docs/protocol.md draws them.
 *
 * The first byte names the kind. All kinds are 0xd0 or more, so the socket can be shared with STUN, DTLS and the
 * BitTorrent DHT (RFC 7983).
 */

import { concat } from '../core/bytes.ts'
import { TAG_BYTES } from './aead.ts'
import { DH_BYTES } from './x25519.ts'

export const KIND = { first: 0xd0, second: 0xd1, third: 0xd2, cookie: 0xd3, record: 0xd4, probe: 0xd6 } as const

export const MAC_BYTES = 16
export const COOKIE_BYTES = 16
export const NONCE_BYTES = 16
const KIND_BYTES = 1
export const INDEX_BYTES = 4
const COUNTER_BYTES = 8

/** Payloads of the Noise messages; `handshake.ts` says what stands in them. */
export const PROOF_BYTES = 32 + 64
export const SECOND_PAYLOAD_BYTES = INDEX_BYTES + PROOF_BYTES
export const THIRD_PAYLOAD_BYTES = 1 + 16 + PROOF_BYTES

const SECOND_BYTES = KIND_BYTES + INDEX_BYTES + DH_BYTES + DH_BYTES + TAG_BYTES + SECOND_PAYLOAD_BYTES + TAG_BYTES
const THIRD_BYTES = KIND_BYTES + INDEX_BYTES + DH_BYTES + TAG_BYTES + THIRD_PAYLOAD_BYTES + TAG_BYTES
const COOKIE_REPLY_BYTES = KIND_BYTES + INDEX_BYTES + COOKIE_BYTES + MAC_BYTES
/** As long as its answer, so a forged sender is hit by no more than the forger spends. */
const FIRST_BYTES = SECOND_BYTES
export const FIRST_PAYLOAD_BYTES = FIRST_BYTES - KIND_BYTES - DH_BYTES - COOKIE_BYTES - MAC_BYTES

/** Kind, receiver index and counter of a record; they are authenticated. */
export const RECORD_HEAD_BYTES = KIND_BYTES + INDEX_BYTES + COUNTER_BYTES

/** The bytes are views of the datagram. */
export type Packet =
  | { kind: 'first'; noise: Uint8Array; cookie: Uint8Array; authenticated: Uint8Array; mac: Uint8Array }
  | { kind: 'second' | 'third'; receiver: number; noise: Uint8Array }
  | { kind: 'cookie'; receiver: number; cookie: Uint8Array; authenticated: Uint8Array; mac: Uint8Array }
  | { kind: 'record'; receiver: number; counter: number; head: Uint8Array; sealed: Uint8Array }
  | { kind: 'probe'; nonce: Uint8Array }

/** undefined for a datagram that has no kind, or not the size of its kind. */
export function parsePacket(datagram: Uint8Array): Packet | undefined {
  const length = datagram.length
  const macAt = length - MAC_BYTES
  switch (datagram[0]) {
    case KIND.first:
      if (length !== FIRST_BYTES) return undefined
      return {
        kind: 'first',
        noise: datagram.subarray(KIND_BYTES, macAt - COOKIE_BYTES),
        cookie: datagram.subarray(macAt - COOKIE_BYTES, macAt),
        authenticated: datagram.subarray(0, macAt),
        mac: datagram.subarray(macAt),
      }
    case KIND.second:
    case KIND.third: {
      const second = datagram[0] === KIND.second
      if (length !== (second ? SECOND_BYTES : THIRD_BYTES)) return undefined
      const noise = datagram.subarray(KIND_BYTES + INDEX_BYTES)
      return { kind: second ? 'second' : 'third', receiver: uint32At(datagram, KIND_BYTES), noise }
    }
    case KIND.cookie:
      if (length !== COOKIE_REPLY_BYTES) return undefined
      return {
        kind: 'cookie',
        receiver: uint32At(datagram, KIND_BYTES),
        cookie: datagram.subarray(KIND_BYTES + INDEX_BYTES, macAt),
        authenticated: datagram.subarray(0, macAt),
        mac: datagram.subarray(macAt),
      }
    case KIND.record: {
      if (length <= RECORD_HEAD_BYTES + TAG_BYTES) return undefined
      const high = uint32At(datagram, KIND_BYTES + INDEX_BYTES)
      if (high >= 2 ** 20) return undefined
      return {
        kind: 'record',
        receiver: uint32At(datagram, KIND_BYTES),
        counter: high * 2 ** 32 + uint32At(datagram, KIND_BYTES + INDEX_BYTES + 4),
        head: datagram.subarray(0, RECORD_HEAD_BYTES),
        sealed: datagram.subarray(RECORD_HEAD_BYTES),
      }
    }
    case KIND.probe:
      return length === KIND_BYTES + NONCE_BYTES ? { kind: 'probe', nonce: datagram.subarray(KIND_BYTES) } : undefined
    default:
      return undefined
  }
}

/** Opens a way through NATs, and shows which it was; `nonce` tells the two ends' probes from others'. */
export function probe(nonce: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(KIND.probe), nonce)
}

/** What the MAC of a first message covers. */
export function firstBody(noise: Uint8Array, cookie: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(KIND.first), noise, cookie)
}

/** A second or third message, or what the MAC of a cookie reply covers. */
export function packetTo(kind: number, receiver: number, rest: Uint8Array): Uint8Array {
  const packet = new Uint8Array(KIND_BYTES + INDEX_BYTES + rest.length)
  packet[0] = kind
  setUint32(packet, KIND_BYTES, receiver)
  packet.set(rest, KIND_BYTES + INDEX_BYTES)
  return packet
}

/** Writes the head of a record; `counter` is under 2^52. */
export function setRecordHead(record: Uint8Array, receiver: number, counter: number): void {
  record[0] = KIND.record
  setUint32(record, KIND_BYTES, receiver)
  setUint32(record, KIND_BYTES + INDEX_BYTES, Math.floor(counter / 2 ** 32))
  setUint32(record, KIND_BYTES + INDEX_BYTES + 4, counter % 2 ** 32)
}

/** Big-endian. */
export function uint32At(bytes: Uint8Array, at: number): number {
  return bytes[at]! * 2 ** 24 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!)
}

export function setUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}
