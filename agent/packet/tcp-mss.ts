/**
 * Clamps the maximum segment size in a TCP SYN to what one tap frame carries (RFC 879, RFC 6691), so no segment is ever
 * too long for the tunnel, whatever the MTU of the client's interface.
 */

import { updateChecksum } from './checksum.ts'
import { fragmentOffset, headerLength, PROTOCOL_TCP, protocolOf } from './ipv4.ts'

const TCP_HEADER = 20
const FLAG_SYN = 0x02
const OPTION_END = 0
const OPTION_NOP = 1
const OPTION_MSS = 2

/** Changes `packet`, which `openIpv4` returned, in place; leaves anything but a well-formed SYN alone. */
export function clampMss(packet: Uint8Array, mtu: number): void {
  if (protocolOf(packet) !== PROTOCOL_TCP || fragmentOffset(packet) !== 0) return
  const tcp = headerLength(packet)
  if (packet.length < tcp + TCP_HEADER || (packet[tcp + 13]! & FLAG_SYN) === 0) return
  const end = tcp + (packet[tcp + 12]! >>> 4) * 4
  if (end > packet.length) return
  const most = mtu - 40
  for (let at = tcp + TCP_HEADER; at < end; ) {
    const kind = packet[at]
    if (kind === OPTION_END) return
    if (kind === OPTION_NOP) {
      at += 1
      continue
    }
    const length = packet[at + 1] ?? 0
    if (length < 2 || at + length > end) return
    if (kind === OPTION_MSS && length === 4) {
      const announced = (packet[at + 2]! << 8) | packet[at + 3]!
      if (announced > most) replaceMss(packet, tcp, at + 2, announced, most)
      return
    }
    at += length
  }
}

function replaceMss(packet: Uint8Array, tcp: number, at: number, before: number, after: number): void {
  packet[at] = after >>> 8
  packet[at + 1] = after & 0xff
  const old = (packet[tcp + 16]! << 8) | packet[tcp + 17]!
  // An option at an odd offset straddles two checksum words, so the sum sees its bytes swapped.
  const odd = (at - tcp) % 2 === 1
  const sum = odd ? updateChecksum(old, swap(before), swap(after)) : updateChecksum(old, before, after)
  packet[tcp + 16] = sum >>> 8
  packet[tcp + 17] = sum & 0xff
}

function swap(word: number): number {
  return ((word & 0xff) << 8) | (word >>> 8)
}
