/**
 * Endpoints as the addon writes them, gate.h's places: family (4 or 6), 0, port (2), address (16; the first 4 for IPv4).
 */

import type { UdpEndpoint } from './datagrams.ts'
import { ipOf, isIp6, portOf } from './udp-endpoint.ts'

export const PLACE_BYTES = 20
export const ADDRESS_AT = 4

export function placeBytes(endpoint: UdpEndpoint): Uint8Array {
  const place = new Uint8Array(PLACE_BYTES)
  const [ip, port] = [ipOf(endpoint), portOf(endpoint)]
  const address = isIp6(endpoint) ? ip6Bytes(ip) : ip.split('.').map(Number)
  place.set([isIp6(endpoint) ? 6 : 4, 0, port >>> 8, port & 255, ...address])
  return place
}

function ip6Bytes(ip: string): number[] {
  const [head, tail] = ip.split('::', 2).map((part) => part.split(':').flatMap(groupBytes))
  const [before, after] = [head ?? [], tail ?? []]
  return [...before, ...new Array(16 - before.length - after.length).fill(0), ...after]
}

/** A group of digits, or the four bytes of an IPv4 address at the end. */
function groupBytes(group: string): number[] {
  if (group === '') return []
  if (group.includes('.')) return group.split('.').map(Number)
  const value = Number.parseInt(group, 16)
  return [value >>> 8, value & 255]
}

/** The IP address and port at the start of `bytes`. */
export function readPlace(bytes: Uint8Array): { readonly ip: string; readonly port: number } {
  const address = bytes.subarray(ADDRESS_AT, PLACE_BYTES)
  const ip = bytes[0] === 4 ? address.subarray(0, 4).join('.') : ip6Text(address)
  return { ip, port: (bytes[2]! << 8) | bytes[3]! }
}

function ip6Text(bytes: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16))
  return words.join(':')
}
