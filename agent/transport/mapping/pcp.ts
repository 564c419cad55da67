/**
 * Messages of the Port Control Protocol (RFC 6887): the opcode MAP for IPv4, without options.
 *
 * A message that is short, long, of another kind, or says what it must not is no message.
 */

import { type Ip4, ip4Bytes, ip4FromBytes } from '../../core/ip.ts'
import type { Carrier } from '../../overlay/link.ts'
import { MAX_PCP_BYTES } from './constants.ts'

export const NONCE_BYTES = 12

const VERSION = 2
const MAP = 1
const RESPONSE = 0x80
/** Both headers, and the data of MAP, bytes (sections 7.1, 7.2, 11.1). */
const HEADER_BYTES = 24
const MAP_BYTES = 36
const WHOLE_BYTES = HEADER_BYTES + MAP_BYTES
/** Protocol numbers of IP. */
const PROTOCOLS: Readonly<Record<Carrier, number>> = { tcp: 6, udp: 17 }
/** Before an IPv4 address in the place of an IPv6 address (RFC 4291 section 2.5.5.2). */
const MAPPED_PREFIX = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255)

export interface MapRequest {
  readonly carrier: Carrier
  /** 12 bytes; the same each time that a mapping is renewed (section 11.2). */
  readonly nonce: Uint8Array
  /** This node's address, which the router compares with the sender's. */
  readonly own: Ip4
  readonly port: number
  readonly outerPort: number
  /** 0: any. */
  readonly outerIp: Ip4
  /** 0 ends the mapping. */
  readonly lifetimeS: number
}

export interface MapResponse {
  /** 0: success (section 7.4). */
  readonly result: number
  /** Of the mapping; after an error, how long the router will say the same. */
  readonly lifetimeS: number
  /** The router's seconds since it forgot its mappings. */
  readonly epochS: number
  readonly carrier: Carrier
  readonly nonce: Uint8Array
  readonly port: number
  readonly outerPort: number
  readonly outerIp: Ip4
}

export function mapRequest(request: MapRequest): Uint8Array {
  const bytes = new Uint8Array(WHOLE_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, VERSION)
  view.setUint8(1, MAP)
  view.setUint32(4, request.lifetimeS)
  bytes.set(mapped(request.own), 8)
  bytes.set(request.nonce, HEADER_BYTES)
  view.setUint8(36, PROTOCOLS[request.carrier])
  view.setUint16(40, request.port)
  view.setUint16(42, request.outerPort)
  bytes.set(mapped(request.outerIp), 44)
  return bytes
}

/** undefined when `bytes` are no answer to a MAP request for IPv4. Options of the answer are passed over (section 7.3). */
export function readMapResponse(bytes: Uint8Array): MapResponse | undefined {
  if (bytes.length < WHOLE_BYTES || bytes.length > MAX_PCP_BYTES || bytes.length % 4 !== 0) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (view.getUint8(0) !== VERSION || view.getUint8(1) !== (RESPONSE | MAP)) return undefined
  const protocol = view.getUint8(36)
  const carrier = (['udp', 'tcp'] as const).find((one) => PROTOCOLS[one] === protocol)
  if (carrier === undefined || !MAPPED_PREFIX.every((byte, i) => bytes[44 + i] === byte)) return undefined
  return {
    result: view.getUint8(3),
    lifetimeS: view.getUint32(4),
    epochS: view.getUint32(8),
    carrier,
    nonce: bytes.slice(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES),
    port: view.getUint16(40),
    outerPort: view.getUint16(42),
    outerIp: ip4FromBytes(bytes, 44 + MAPPED_PREFIX.length),
  }
}

/**
 * Whether the other side does not speak this version: NAT-PMP's answer to a version that it does not know (RFC 6886 section 3.5), or
 * that of another version of PCP (RFC 6887 section 9).
 */
export function isOtherVersion(bytes: Uint8Array): boolean {
  const [version, opcode = 0, high, low] = bytes
  if (bytes.length < 8 || bytes.length > MAX_PCP_BYTES || (opcode & RESPONSE) === 0) return false
  return version === 0 ? high === 0 && low === 1 : version !== VERSION && low === 1
}

function mapped(ip: Ip4): Uint8Array {
  return Uint8Array.of(...MAPPED_PREFIX, ...ip4Bytes(ip))
}
