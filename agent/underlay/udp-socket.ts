/**
 * Real UDP sockets, over Node's. One serves one address family; `BothFamilies` makes two of them look like one.
 *
 * The system's errors (no route, an ICMP message, a full buffer) lose a datagram and are counted by code; they never
 * reach the caller.
 */

import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { Counters } from '../core/counters.ts'
import { codeOf } from '../core/errors.ts'
import type { DatagramSocket, UdpEndpoint } from './datagrams.ts'
import { ipOf, isIp6, portOf, udpEndpoint } from './udp-endpoint.ts'

/** The kernel's buffers, bytes: a burst of a few milliseconds at 1 Gbit/s. The kernel may grant less. */
const BUFFER_BYTES = 1024 * 1024

/** @param port 0 for any free one. @throws the system's error when the address or port cannot be had */
export async function openUdpSocket(ip: string, port: number, counters: Counters): Promise<UdpSocket> {
  const family = ip.includes(':') ? 6 : 4
  const socket = createSocket({
    type: `udp${family}`,
    ipv6Only: family === 6,
    // Endpoints are addresses already; by default each send would ask the resolver.
    lookup: (host, _options, done) => done(null, host, family),
  })
  const listening = once(socket, 'listening')
  socket.bind({ port, address: ip, exclusive: true })
  await listening
  return new UdpSocket(socket, counters)
}

export class UdpSocket implements DatagramSocket {
  readonly port: number
  readonly isIp6: boolean
  readonly #socket: Socket
  readonly #counters: Counters
  #closed = false

  /** Use `openUdpSocket`. */
  constructor(socket: Socket, counters: Counters) {
    this.#socket = socket
    this.#counters = counters
    const { port, family } = socket.address()
    this.port = port
    this.isIp6 = family === 'IPv6'
    socket.on('error', this.#lost)
    socket.setRecvBufferSize(BUFFER_BYTES)
    socket.setSendBufferSize(BUFFER_BYTES)
  }

  send(datagram: Uint8Array, to: UdpEndpoint): void {
    if (this.#closed) return
    try {
      this.#socket.send(datagram, portOf(to), ipOf(to), this.#lost)
    } catch (error) {
      this.#lost(error)
    }
  }

  set onDatagram(handler: (datagram: Uint8Array, from: UdpEndpoint) => void) {
    this.#socket.removeAllListeners('message')
    this.#socket.on('message', (datagram, { address, port }) => {
      const from = udpEndpoint(address, port)
      if (from === undefined) this.#counters.drop('udp-source')
      else handler(datagram, from)
    })
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#socket.close()
  }

  readonly #lost = (error: unknown) => {
    if (error !== null && error !== undefined) this.#counters.drop(`udp-${codeOf(error) ?? 'error'}`)
  }
}

/** A socket of each address family, as one. */
export class BothFamilies implements DatagramSocket {
  readonly #ip4: DatagramSocket
  readonly #ip6: DatagramSocket

  constructor(ip4: DatagramSocket, ip6: DatagramSocket) {
    this.#ip4 = ip4
    this.#ip6 = ip6
  }

  send(datagram: Uint8Array, to: UdpEndpoint): void {
    if (isIp6(to)) this.#ip6.send(datagram, to)
    else this.#ip4.send(datagram, to)
  }

  set onDatagram(handler: (datagram: Uint8Array, from: UdpEndpoint) => void) {
    this.#ip4.onDatagram = handler
    this.#ip6.onDatagram = handler
  }

  close(): void {
    this.#ip4.close()
    this.#ip6.close()
  }
}
