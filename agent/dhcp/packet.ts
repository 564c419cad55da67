/**
 * DHCP messages (RFC 2131 section 2) as bytes and as checked values.
 *
 * The parser is strict: it requires an Ethernet client, the magic cookie, one message type, and no option past the end.
 * It ignores option overload (52): no client needs the boot-file fields for the options that it sends to a server.
 */

import { concat } from '../core/bytes.ts'
import { type Ip4, ip4FromBytes, type Mac, macBytes, macFromBytes } from '../core/ip.ts'
import { encodeOptions, OPTION, type Options, parseOptions } from './options.ts'

export const DHCP_SERVER_PORT = 67
export const DHCP_CLIENT_PORT = 68

/** RFC 2132 section 9.6. */
export const MESSAGE_TYPES = ['discover', 'offer', 'request', 'decline', 'ack', 'nak', 'release', 'inform'] as const
export type MessageType = (typeof MESSAGE_TYPES)[number]

export interface DhcpPacket {
  readonly op: 'request' | 'reply'
  readonly type: MessageType
  /** Chosen by the client; every reply repeats it. */
  readonly xid: number
  readonly secs: number
  /** The client cannot receive unicast before it has an address. */
  readonly broadcast: boolean
  /** The client's address, if it has one and answers ARP for it; otherwise 0. */
  readonly ciaddr: Ip4
  /** "Your" address. */
  readonly yiaddr: Ip4
  readonly siaddr: Ip4
  /** The relay agent's address; 0 without one. */
  readonly giaddr: Ip4
  readonly chaddr: Mac
  readonly options: Options
}

export type DhcpFault = 'dhcp-short' | 'dhcp-op' | 'dhcp-hardware' | 'dhcp-cookie' | 'dhcp-options' | 'dhcp-type'

const COOKIE_AT = 236
const OPTIONS_AT = 240
const COOKIE = 0x63825363
const BROADCAST_FLAG = 0x8000
const ETHERNET = 1
const ETHERNET_ADDRESS = 6
/** BOOTP's fixed length, which some clients still expect (RFC 1542 section 2.1). */
const MIN_LENGTH = 300

export function parseDhcp(bytes: Uint8Array): DhcpPacket | DhcpFault {
  if (bytes.length < OPTIONS_AT) return 'dhcp-short'
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const op = bytes[0]
  if (op !== 1 && op !== 2) return 'dhcp-op'
  if (bytes[1] !== ETHERNET || bytes[2] !== ETHERNET_ADDRESS) return 'dhcp-hardware'
  if ((bytes[28]! & 1) === 1) return 'dhcp-hardware'
  if (view.getUint32(COOKIE_AT) !== COOKIE) return 'dhcp-cookie'
  const options = parseOptions(bytes.subarray(OPTIONS_AT))
  if (options === undefined) return 'dhcp-options'
  const typeOption = options.get(OPTION.messageType)
  const type = typeOption?.length === 1 ? MESSAGE_TYPES[typeOption[0]! - 1] : undefined
  if (type === undefined) return 'dhcp-type'
  return {
    op: op === 1 ? 'request' : 'reply',
    type,
    xid: view.getUint32(4),
    secs: view.getUint16(8),
    broadcast: (view.getUint16(10) & BROADCAST_FLAG) !== 0,
    ciaddr: ip4FromBytes(bytes, 12),
    yiaddr: ip4FromBytes(bytes, 16),
    siaddr: ip4FromBytes(bytes, 20),
    giaddr: ip4FromBytes(bytes, 24),
    chaddr: macFromBytes(bytes, 28),
    options,
  }
}

/** The message type option is written first, whatever `options` says about it. */
export function encodeDhcp(packet: DhcpPacket): Uint8Array {
  const head = new Uint8Array(OPTIONS_AT)
  const view = new DataView(head.buffer)
  head[0] = packet.op === 'request' ? 1 : 2
  head[1] = ETHERNET
  head[2] = ETHERNET_ADDRESS
  view.setUint32(4, packet.xid)
  view.setUint16(8, packet.secs)
  view.setUint16(10, packet.broadcast ? BROADCAST_FLAG : 0)
  view.setUint32(12, packet.ciaddr)
  view.setUint32(16, packet.yiaddr)
  view.setUint32(20, packet.siaddr)
  view.setUint32(24, packet.giaddr)
  head.set(macBytes(packet.chaddr), 28)
  view.setUint32(COOKIE_AT, COOKIE)
  const type = Uint8Array.of(MESSAGE_TYPES.indexOf(packet.type) + 1)
  const others = [...packet.options].filter(([code]) => code !== OPTION.messageType)
  const whole = concat(head, encodeOptions(new Map([[OPTION.messageType, type], ...others])))
  return whole.length >= MIN_LENGTH ? whole : concat(whole, new Uint8Array(MIN_LENGTH - whole.length))
}
