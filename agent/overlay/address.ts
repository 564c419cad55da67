/**
 * Ring addresses: 160-bit numbers on a circle (paper section 4).
 *
 * A node's address is the first 160 bits of SHA-256 of its public key, so nobody chooses a place on the ring.
 */

import { sha256 } from '../core/bytes.ts'
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

/** Shared by all callers: every frame reads or writes addresses, always synchronously. */
const view = new DataView(new ArrayBuffer(ADDRESS_BYTES))
const viewBytes = new Uint8Array(view.buffer)

export function addressFromBytes(bytes: Uint8Array): Address {
  viewBytes.set(bytes.length === ADDRESS_BYTES ? bytes : bytes.subarray(0, ADDRESS_BYTES))
  return ((view.getBigUint64(0) << 96n) | (view.getBigUint64(8) << 32n) | BigInt(view.getUint32(16))) as Address
}

export function addressBytes(address: Address): Uint8Array {
  return inView(address).slice()
}

/** Valid until the next address is read or written. */
function inView(address: Address): Uint8Array {
  view.setBigUint64(0, address >> 96n)
  view.setBigUint64(8, address >> 32n)
  view.setUint32(16, Number(address & 0xffff_ffffn))
  return viewBytes
}

export function addressOfPublicKey(publicKey: Uint8Array): Address {
  return addressFromBytes(sha256(publicKey))
}

/** 40 hexadecimal digits. */
export function formatAddress(address: Address): string {
  return address.toString(16).padStart(ADDRESS_BYTES * 2, '0')
}

/** The way from `from` to `to` in the direction of growing addresses, which we call right. */
export function rightward(from: Address, to: Address): bigint {
  return to >= from ? to - from : SIZE - (from - to)
}

/** The shorter of the two ways round. */
export function distance(a: Address, b: Address): bigint {
  const right = rightward(a, b)
  return right <= HALF ? right : SIZE - right
}

/**
 * Whether `x` lies strictly inside the arc that runs rightward from `from` to `to`. The arc from a point to itself is
 * the whole circle without that point.
 */
export function isBetween(from: Address, x: Address, to: Address): boolean {
  if (from === to) return x !== from
  return from < to ? from < x && x < to : from < x || x < to
}

/** Whether `a` is closer to `target` than `b` is; of two equally close ones, the one to the target's right is. */
export function isCloser(target: Address, a: Address, b: Address): boolean {
  const toA = distance(target, a)
  const toB = distance(target, b)
  if (toA !== toB) return toA < toB
  return a !== b && rightward(target, a) === toA
}

export const addressCodec: Codec<Address> = {
  write: (writer, value) => writer.raw(inView(value)),
  read: (reader) => addressFromBytes(reader.raw(ADDRESS_BYTES)),
}
