/**
 * A UDP socket that a thread of the addon reads. Tunnel records that the tables decide never come here; the rest comes in
 * order, as from Node's own socket (udp-socket.ts), unless JavaScript is busy for so long that the mailbox fills.
 */

import type { Counters } from '../core/counters.ts'
import { addon } from '../native/addon.ts'
import type { Lanes } from '../native/lanes.ts'
import { eachMessage, type Mailbox } from '../native/mail.ts'
import type { DatagramSocket, UdpEndpoint } from './datagrams.ts'
import { PLACE_BYTES, readPlace } from './place.ts'
import { ipOf, portOf, udpEndpoint } from './udp-endpoint.ts'

interface Opened extends Mailbox {
  readonly handle: object
  readonly port: number
  readonly joins: boolean
  readonly segments: boolean
}

interface Addon {
  openUdp(
    lanes: object,
    ip: string,
    port: number,
    onMail: (half: number, count: number) => void,
    onGone: (code: string) => void,
  ): Opened
  send(handle: object, datagram: Uint8Array, ip: string, port: number): string | undefined
  close(handle: object): void
}

/** Instead of a lane's index: nobody listens at the place; inbound.h. */
const TAG_REFUSED = 0xffff_ffff

export class LaneSocket implements DatagramSocket {
  readonly port: number
  readonly isIp6: boolean
  /** For the tables. */
  readonly handle: object
  /** Whether the kernel joins datagrams that came together (UDP_GRO). */
  readonly joins: boolean
  /** Whether it cuts one long send into datagrams (UDP_SEGMENT). */
  readonly segments: boolean
  readonly #addon: Addon
  readonly #counters: Counters
  #handler: ((datagram: Uint8Array, from: UdpEndpoint) => void) | undefined
  #onRefused: (to: UdpEndpoint) => void = () => {}

  /** @param port 0 for any free one. @throws the system's error when the address or port cannot be had */
  constructor(lanes: Lanes, ip: string, port: number, counters: Counters) {
    this.#addon = addon<Addon>()
    this.#counters = counters
    this.isIp6 = ip.includes(':')
    const onMail = (half: number, count: number) =>
      eachMessage(opened, half, count, (lane, message) => this.#take(lanes, lane, message))
    const opened: Opened = this.#addon.openUdp(lanes.handle, ip, port, onMail, (code) => counters.drop(`udp-${code}`))
    this.handle = opened.handle
    this.port = opened.port
    this.joins = opened.joins
    this.segments = opened.segments
  }

  send(datagram: Uint8Array, to: UdpEndpoint): void {
    const failure = this.#addon.send(this.handle, datagram, ipOf(to), portOf(to))
    if (failure !== undefined && failure !== 'EBADF') this.#counters.drop(`udp-${failure}`)
  }

  set onDatagram(handler: (datagram: Uint8Array, from: UdpEndpoint) => void) {
    this.#handler = handler
  }

  /** The network says that nobody listens where a datagram went. Anybody may have said it. */
  set onRefused(handler: (to: UdpEndpoint) => void) {
    this.#onRefused = handler
  }

  close(): void {
    this.#addon.close(this.handle)
  }

  #take(lanes: Lanes, lane: number, message: Uint8Array): void {
    const { ip, port } = readPlace(message)
    const body = message.subarray(PLACE_BYTES)
    if (lane !== 0 && lane !== TAG_REFUSED) {
      lanes.deliver(lane, body, { ip, port })
      return
    }
    const from = udpEndpoint(ip, port)
    if (from === undefined) this.#counters.drop('udp-source')
    else if (lane === TAG_REFUSED) this.#onRefused(from)
    else this.#handler?.(body.slice(), from)
  }
}
