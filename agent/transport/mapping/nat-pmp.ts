/** Messages of NAT-PMP (RFC 6886). A message of another length or kind is no message. */

import { type Ip4, ip4FromBytes } from '../../core/ip.ts'
import type { Carrier } from '../../overlay/link.ts'

const VERSION = 0
const RESPONSE = 0x80
/** Opcodes (section 3.3); 0 asks for the router's address outside. */
const OPCODES: Readonly<Record<Carrier, number>> = { udp: 1, tcp: 2 }
const ADDRESS_BYTES = 12
const MAPPING_BYTES = 16
/** An error may come without what follows the epoch (section 3.5 leaves the length open). */
const ERROR_BYTES = 8

interface Answer {
  /** 0: success (section 3.5). */
  readonly result: number
  /** The router's seconds since it forgot its mappings. */
  readonly epochS: number
}

export interface AddressResponse extends Answer {
  readonly kind: 'address'
  readonly ip: Ip4
}

export interface MappingResponse extends Answer {
  readonly kind: Carrier
  readonly port: number
  readonly outerPort: number
  readonly lifetimeS: number
}

/** Which question an error answers: the rest of it means nothing. */
export interface ErrorResponse extends Answer {
  readonly kind: 'error'
  readonly to: 'address' | Carrier
}

export function addressRequest(): Uint8Array {
  return Uint8Array.of(VERSION, 0)
}

/** `lifetimeS` 0 ends the mapping; then `outerPort` is 0 (section 3.4). */
export function mappingRequest(carrier: Carrier, port: number, outerPort: number, lifetimeS: number): Uint8Array {
  const bytes = new Uint8Array(12)
  const view = new DataView(bytes.buffer)
  view.setUint8(1, OPCODES[carrier])
  view.setUint16(4, port)
  view.setUint16(6, outerPort)
  view.setUint32(8, lifetimeS)
  return bytes
}

export function readNatPmp(bytes: Uint8Array): AddressResponse | MappingResponse | ErrorResponse | undefined {
  if (bytes.length < ERROR_BYTES || bytes.length > MAPPING_BYTES) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const opcode = view.getUint8(1) ^ RESPONSE
  const to = opcode === 0 ? 'address' : (['udp', 'tcp'] as const).find((one) => OPCODES[one] === opcode)
  if (view.getUint8(0) !== VERSION || to === undefined) return undefined
  const answer = { result: view.getUint16(2), epochS: view.getUint32(4) }
  if (answer.result !== 0) return { kind: 'error', to, ...answer }
  if (bytes.length !== (to === 'address' ? ADDRESS_BYTES : MAPPING_BYTES)) return undefined
  if (to === 'address') return { kind: to, ...answer, ip: ip4FromBytes(bytes, 8) }
  const [port, outerPort] = [view.getUint16(8), view.getUint16(10)]
  return { kind: to, ...answer, port, outerPort, lifetimeS: view.getUint32(12) }
}
