/**
 * Ring addresses: 160-bit numbers on a circle (paper section 4).
 *
 * A node's address is the first 160 bits of SHA-256 of its public key, so nobody chooses a place on the ring.
 */

import { hex, sha256 } from '../core/bytes.ts'
import type { Codec } from '../core/codec.ts'

export type Address = bigint & { readonly brand: 'Address' }

export const ADDRESS_BITS = 160
export const ADDRESS_BYTES = 20

const SIZE = 1n << 160n
const MASK = SIZE - 1n
const HALF = SIZE >> 1n

/** Any integer, wrapped on to the circle. */
export function toAddress(value: bigint): Address {
  return (value & MASK) as Address
}

export function addressFromBytes(bytes: Uint8Array): Address {
  return BigInt(`0x${hex(bytes.subarray(0, ADDRESS_BYTES))}`) as Address
}

export function addressBytes(address: Address): Uint8Array {
  return new Uint8Array(Buffer.from(formatAddress(address), 'hex'))
}

export function addressOfPublicKey(publicKey: Uint8Array): Address {
  return addressFromBytes(sha256(publicKey))
}

/** 40 hexadecimal digits. */
export function formatAddress(address: Address): string {
  return address.toString(16).padStart(ADDRESS_BYTES * 2, '0')
}

/** How far one walks from `from` to `to` in the direction of growing addresses, which we call right. */
export function rightward(from: Address, to: Address): bigint {
  return (to - from) & MASK
}

/** The shorter way round between two addresses. */
export function distance(a: Address, b: Address): bigint {
  const right = rightward(a, b)
  return right <= HALF ? right : SIZE - right
}

/** Whether `x` lies strictly inside the arc that runs rightward from `from` to `to`; the arc from a point to itself is the whole circle without it. */
export function isBetween(from: Address, x: Address, to: Address): boolean {
  if (from === to) return x !== from
  const offset = rightward(from, x)
  return offset > 0n && offset < rightward(from, to)
}

/** Whether `a` is closer to `target` than `b` is; of two equally close ones the one to the right of the target is. */
export function isCloser(target: Address, a: Address, b: Address): boolean {
  const toA = distance(target, a)
  const toB = distance(target, b)
  if (toA !== toB) return toA < toB
  return a !== b && rightward(target, a) === toA
}

export const addressCodec: Codec<Address> = {
  write: (writer, value) => writer.raw(addressBytes(value)),
  read: (reader) => addressFromBytes(reader.raw(ADDRESS_BYTES)),
}
