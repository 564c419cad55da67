/** DHCP options that this server reads or writes (RFC 2132), and their encoding. */

import { type Ip4, ip4Bytes, ip4FromBytes } from '../core/ip.ts'

export const OPTION = {
  subnetMask: 1,
  hostName: 12,
  domainName: 15,
  interfaceMtu: 26,
  broadcastAddress: 28,
  requestedAddress: 50,
  leaseTime: 51,
  messageType: 53,
  serverId: 54,
  parameterRequestList: 55,
  message: 56,
  maxMessageSize: 57,
  renewalTime: 58,
  rebindingTime: 59,
  clientId: 61,
} as const

const PAD = 0
const END = 255

export type Options = ReadonlyMap<number, Uint8Array>

/** undefined when an option runs past the end. Repeated options are joined into one (RFC 3396). */
export function parseOptions(bytes: Uint8Array): Options | undefined {
  const options = new Map<number, Uint8Array>()
  let at = 0
  while (at < bytes.length) {
    const code = bytes[at++]!
    if (code === PAD) continue
    if (code === END) return options
    if (at >= bytes.length) return undefined
    const length = bytes[at++]!
    if (at + length > bytes.length) return undefined
    const value = bytes.subarray(at, at + length)
    const before = options.get(code)
    options.set(code, before === undefined ? value : Uint8Array.of(...before, ...value))
    at += length
  }
  return options
}

/** @throws RangeError for a value of more than 255 bytes */
export function encodeOptions(options: Options): Uint8Array {
  const bytes: number[] = []
  for (const [code, value] of options) {
    if (value.length > 255) throw new RangeError(`option ${code} has ${value.length} bytes, at most 255`)
    bytes.push(code, value.length, ...value)
  }
  bytes.push(END)
  return Uint8Array.from(bytes)
}

/** undefined when the option is absent or not four bytes. */
export function ipOption(options: Options, code: number): Ip4 | undefined {
  const value = options.get(code)
  return value?.length === 4 ? ip4FromBytes(value) : undefined
}

export function encodeIp(ip: Ip4): Uint8Array {
  return ip4Bytes(ip)
}

export function encodeU32(value: number): Uint8Array {
  return Uint8Array.of((value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255)
}

export function encodeU16(value: number): Uint8Array {
  return Uint8Array.of((value >>> 8) & 255, value & 255)
}
