/** Makes and reads frames and packets as a host on the tap does. */

import { type Ip4, ip4Bytes, type Mac, macBytes } from '../../agent/core/ip.ts'
import { AGENT_MAC } from '../../agent/net/constants.ts'
import { buildArp } from '../../agent/packet/arp.ts'
import { checksum, onesSum } from '../../agent/packet/checksum.ts'
import { BROADCAST_MAC, ETHERNET_HEADER, ETHERTYPE_IPV4, writeEthernet } from '../../agent/packet/ethernet.ts'
import { IPV4_HEADER, PROTOCOL_ICMP, PROTOCOL_TCP, PROTOCOL_UDP, writeIpv4 } from '../../agent/packet/ipv4.ts'
import { buildUdpFrame } from '../../agent/packet/udp.ts'

export function packet(protocol: number, source: Ip4, destination: Ip4, body: Uint8Array): Uint8Array {
  const whole = new Uint8Array(IPV4_HEADER + body.length)
  writeIpv4(whole, 0, { total: whole.length, protocol, source, destination })
  whole.set(body, IPV4_HEADER)
  return whole
}

export function frameOf(payload: Uint8Array, from: Mac, to: Mac = AGENT_MAC): Uint8Array {
  const frame = new Uint8Array(ETHERNET_HEADER + payload.length)
  writeEthernet(frame, macBytes(to), macBytes(from), ETHERTYPE_IPV4)
  frame.set(payload, ETHERNET_HEADER)
  return frame
}

export function echoRequest(source: Ip4, destination: Ip4, sequence = 1, size = 56): Uint8Array {
  const icmp = new Uint8Array(8 + size)
  icmp[0] = 8
  icmp[7] = sequence
  for (let i = 8; i < icmp.length; i++) icmp[i] = i & 255
  const sum = checksum(icmp, 0, icmp.length)
  icmp[2] = sum >>> 8
  icmp[3] = sum & 255
  return packet(PROTOCOL_ICMP, source, destination, icmp)
}

export function tcpSyn(source: Ip4, destination: Ip4, options: readonly number[]): Uint8Array {
  const padded = [...options, ...Array<number>((4 - (options.length % 4)) % 4).fill(0)]
  const tcp = new Uint8Array(20 + padded.length)
  tcp[12] = (tcp.length / 4) << 4
  tcp[13] = 2
  tcp.set(padded, 20)
  const sum = checksum(tcp, 0, tcp.length, tcpPseudoSum(source, destination, tcp.length))
  tcp[16] = sum >>> 8
  tcp[17] = sum & 255
  return packet(PROTOCOL_TCP, source, destination, tcp)
}

export function tcpChecksumHolds(whole: Uint8Array, source: Ip4, destination: Ip4): boolean {
  const tcp = whole.subarray(IPV4_HEADER)
  return onesSum(tcp, 0, tcp.length, tcpPseudoSum(source, destination, tcp.length)) === 0xffff
}

function tcpPseudoSum(source: Ip4, destination: Ip4, length: number): number {
  const addresses = Uint8Array.of(...ip4Bytes(source), ...ip4Bytes(destination))
  return onesSum(addresses, 0, 8, PROTOCOL_TCP + length)
}

export function udpFrame(
  from: { mac: Mac; ip: Ip4; port: number },
  to: { mac?: Mac; ip: Ip4; port: number },
  payload: Uint8Array = new Uint8Array(8),
): Uint8Array {
  return buildUdpFrame({
    fromMac: from.mac,
    toMac: to.mac ?? AGENT_MAC,
    from: from.ip,
    to: to.ip,
    fromPort: from.port,
    toPort: to.port,
    payload,
  })
}

export function arpRequest(sender: { mac: Mac; ip: Ip4 }, target: Ip4): Uint8Array {
  return buildArp(
    1,
    { mac: macBytes(sender.mac), ip: sender.ip },
    { mac: new Uint8Array(6), ip: target },
    macBytes(BROADCAST_MAC),
  )
}

export { PROTOCOL_ICMP, PROTOCOL_TCP, PROTOCOL_UDP }
