/** Reads from a DHCP message who the client is and what it wants. */

import { hex } from '../core/bytes.ts'
import type { Ip4 } from '../core/ip.ts'
import type { ClientId } from '../lease/lease.ts'
import { ipOption, OPTION } from './options.ts'
import type { DhcpPacket } from './packet.ts'

/** The client identifier if it sends one, else its MAC (RFC 2131 section 4.2). */
export function clientIdOf(packet: DhcpPacket): ClientId {
  const id = packet.options.get(OPTION.clientId)
  const named = id !== undefined && id.length >= 2
  return (named ? `id:${hex(id)}` : `mac:${packet.chaddr.replaceAll(':', '')}`) as ClientId
}

/** The states in which a client sends REQUEST (RFC 2131 section 4.3.2); renewing and rebinding look the same here. */
export type RequestState = 'selecting' | 'init-reboot' | 'renewing'

export interface Wanted {
  readonly state: RequestState
  readonly ip: Ip4
  /** The server whose offer the client takes; only in `selecting`. */
  readonly server: Ip4 | undefined
}

/** undefined when the REQUEST fits no state. */
export function wantedBy(packet: DhcpPacket): Wanted | undefined {
  const server = ipOption(packet.options, OPTION.serverId)
  const requested = ipOption(packet.options, OPTION.requestedAddress)
  if (packet.ciaddr !== 0) return { state: 'renewing', ip: packet.ciaddr, server: undefined }
  if (requested === undefined) return undefined
  return { state: server === undefined ? 'init-reboot' : 'selecting', ip: requested, server }
}

/** Whether `b` only repeats `a`: the client retransmitted because no answer has come yet. */
export function isRetransmission(a: DhcpPacket, b: DhcpPacket): boolean {
  return (
    a.xid === b.xid &&
    a.type === b.type &&
    a.ciaddr === b.ciaddr &&
    ipOption(a.options, OPTION.requestedAddress) === ipOption(b.options, OPTION.requestedAddress)
  )
}
