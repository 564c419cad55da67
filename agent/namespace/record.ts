/**
 * The namespace record: what a node must know to hand out addresses (paper section 5.1).
 *
 * Guarantees: a `SignedRecord` was signed by the key whose hash is its id, and every field is in range. Nobody without
 * that key can make another record for the id. Its encoding is canonical and at most `MAX_RECORD_BYTES` long.
 */

import { randomBytes } from 'node:crypto'
import { concat, sha256, utf8 } from '../core/bytes.ts'
import {
  bytes,
  DecodeError,
  decode,
  encode,
  fixed,
  list,
  optional,
  string,
  struct,
  u8,
  u16,
  u32,
} from '../core/codec.ts'
import { keyPairOf, PUBLIC_KEY_BYTES, SEED_BYTES, SIGNATURE_BYTES, verifies } from '../core/ed25519.ts'
import { broadcastOf, type Cidr, contains, type Ip4, netmask, serviceAddressOf } from '../core/ip.ts'
import { base32 } from './base32.ts'

/**
 * `own`: the ring of this namespace alone, in which only nodes with its ring key are linked. `shared`: a ring of many
 * namespaces, which anybody may join.
 */
export const RING_KINDS = ['own', 'shared'] as const
export type RingKind = (typeof RING_KINDS)[number]

export interface NamespaceRecord {
  /** For people: 1 to 40 characters, see `isNamespaceName`. */
  readonly name: string
  /** Clients get its prefix as their netmask. */
  readonly pool: Cidr
  /** Addresses of the pool that are never leased, ascending; `reservedOf` adds those that no pool leases. */
  readonly reserved: readonly Ip4[]
  /** Lease time in seconds, `MIN_LEASE_S` to `MAX_LEASE_S`. */
  readonly leaseS: number
  /** The members' DNS domain; undefined: clients get none. */
  readonly domain: string | undefined
  /** MTU of the tap in bytes; undefined: the agent's default. */
  readonly mtu: number | undefined
  readonly ring: RingKind
}

export interface SignedRecord {
  readonly id: string
  readonly record: NamespaceRecord
  /** The canonical encoding, signature included: what is stored in the DHT and carried in tokens. */
  readonly encoded: Uint8Array
}

export const ID_LENGTH = 20
/** A DHT value is at most 1 KiB; this leaves room for its seal. */
export const MAX_RECORD_BYTES = 960
/** Shorter leases would be renewed before a slow DHT operation ends; the DHT keeps nothing longer than a week. */
export const MIN_LEASE_S = 10
export const MAX_LEASE_S = 7 * 24 * 3600
/** RFC 791: every IPv4 host accepts 576 bytes. 9000: the largest frame in use. */
export const MIN_MTU = 576
export const MAX_MTU = 9000
export const MIN_PREFIX = 8
export const MAX_PREFIX = 29
export const MAX_RESERVED = 64

/** Records of version 1 say nothing of the ring: all rings were shared. */
const VERSION_1 = 1
const VERSION = 2
/** Makes our signatures meaningless in any other protocol. */
const contextOf = (version: number) => utf8(`wow namespace record ${version}\n`)

const fields = {
  name: string(40),
  base: u32,
  prefix: u8,
  reserved: list(u32, MAX_RESERVED),
  leaseS: u32,
  domain: optional(string(253)),
  mtu: optional(u16),
}
const bodyCodec = struct({ ...fields, ring: u8 })
const bodyCodec1 = struct(fields)
const envelopeCodec = struct({
  version: u8,
  key: fixed(PUBLIC_KEY_BYTES),
  body: bytes(MAX_RECORD_BYTES),
  signature: fixed(SIGNATURE_BYTES),
})

/** An Ed25519 seed, 32 bytes: anyone who has it can change the record. */
export type SigningKey = Uint8Array & { readonly brand: 'SigningKey' }

export function generateSigningKey(): SigningKey {
  return new Uint8Array(randomBytes(SEED_BYTES)) as SigningKey
}

/** Letters, digits, dot, dash and underscore; starts with a letter or digit. */
export function isNamespaceName(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/.test(text)
}

/** RFC 1035 names of one label or more, in lower case. */
export function isDomain(text: string): boolean {
  return text.length <= 253 && /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/.test(text)
}

/** Every address of the pool that no client may get: network, service, broadcast, and those the record reserves. */
export function reservedOf(record: NamespaceRecord): Ip4[] {
  const { pool } = record
  return [...new Set([pool.base, serviceAddressOf(pool), broadcastOf(pool), ...record.reserved])].sort((a, b) => a - b)
}

/** @throws RangeError when a field is out of range: check user input first. */
export function signRecord(record: NamespaceRecord, signingKey: SigningKey): SignedRecord {
  const problem = problemOf(record)
  if (problem !== undefined) throw new RangeError(problem)
  const { base, prefix } = record.pool
  const ring = RING_KINDS.indexOf(record.ring)
  const body = encode(bodyCodec, { ...record, reserved: [...record.reserved], base, prefix, ring })
  const pair = keyPairOf(signingKey)
  const { publicKey: key } = pair
  const signature = pair.sign(concat(contextOf(VERSION), body))
  const encoded = encode(envelopeCodec, { version: VERSION, key, body, signature })
  if (encoded.length > MAX_RECORD_BYTES) throw new RangeError(`the record needs ${encoded.length} bytes`)
  return { id: idOf(key), record, encoded }
}

/** @throws DecodeError when the bytes are not a record, the signature is not valid, or a field is out of range. */
export function openRecord(encoded: Uint8Array): SignedRecord {
  if (encoded.length > MAX_RECORD_BYTES) throw new DecodeError(`a record has at most ${MAX_RECORD_BYTES} bytes`)
  const { version, key, body, signature } = decode(envelopeCodec, encoded)
  if (version !== VERSION && version !== VERSION_1) throw new DecodeError(`record version ${version} is not known`)
  if (!verifies(key, concat(contextOf(version), body), signature)) throw new DecodeError('the signature does not hold')
  const { base, prefix, ring: kind, ...rest } = version === VERSION ? decode(bodyCodec, body) : decodeVersion1(body)
  const ring = RING_KINDS[kind]
  if (ring === undefined) throw new DecodeError(`the kind of ring ${kind} is not known`)
  const record = { ...rest, pool: { base: base as Ip4, prefix }, reserved: rest.reserved as Ip4[], ring }
  const problem = problemOf(record)
  if (problem !== undefined) throw new DecodeError(problem)
  return { id: idOf(key), record, encoded: new Uint8Array(encoded) }
}

function decodeVersion1(body: Uint8Array) {
  return { ...decode(bodyCodec1, body), ring: RING_KINDS.indexOf('shared') }
}

function idOf(verifyingKey: Uint8Array): string {
  return base32(sha256(utf8('wow namespace id\n'), verifyingKey)).slice(0, ID_LENGTH)
}

function problemOf(record: NamespaceRecord): string | undefined {
  const { pool, reserved, leaseS, domain, mtu } = record
  if (!isNamespaceName(record.name)) return 'the name is none'
  if (pool.prefix < MIN_PREFIX || pool.prefix > MAX_PREFIX) return `the prefix ${pool.prefix} is out of range`
  if ((pool.base & ~netmask(pool.prefix)) !== 0) return 'the pool has host bits set'
  if (reserved.some((ip, place) => !contains(pool, ip) || (place > 0 && ip <= reserved[place - 1]!))) {
    return 'the reserved addresses are not ascending addresses of the pool'
  }
  if (leaseS < MIN_LEASE_S || leaseS > MAX_LEASE_S) return `the lease time ${leaseS} s is out of range`
  if (domain !== undefined && !isDomain(domain)) return 'the domain is none'
  if (mtu !== undefined && (mtu < MIN_MTU || mtu > MAX_MTU)) return `the MTU ${mtu} is out of range`
  return undefined
}
