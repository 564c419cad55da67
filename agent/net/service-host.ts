/** The service address is the pool's first host address: the agent answers echo requests to it on its tap (RFC 792). */

import { updateChecksum } from '../packet/checksum.ts'
import { headerLength, isFragment, PROTOCOL_ICMP, protocolOf } from '../packet/ipv4.ts'

const ECHO_REQUEST = 8
const ICMP_HEADER = 8

/** The echo reply to a packet that `openIpv4` returned; undefined when there is nothing to answer. */
export function answerEcho(packet: Uint8Array): Uint8Array | undefined {
  const at = headerLength(packet)
  if (protocolOf(packet) !== PROTOCOL_ICMP || isFragment(packet)) return undefined
  if (packet.length < at + ICMP_HEADER || packet[at] !== ECHO_REQUEST || packet[at + 1] !== 0) return undefined
  const reply = packet.slice()
  // Swapping the addresses does not change the header's checksum.
  reply.copyWithin(12, 16, 20)
  reply.set(packet.subarray(12, 16), 16)
  reply[at] = 0
  const sum = updateChecksum((packet[at + 2]! << 8) | packet[at + 3]!, ECHO_REQUEST << 8, 0)
  reply[at + 2] = sum >>> 8
  reply[at + 3] = sum & 0xff
  return reply
}
