/**
 * A socket with others beside it, each for one endpoint: what goes there leaves through that socket, so from a port of its own.
 * To the sessions all of them are one socket.
 */

import { MAX_SIDE_SOCKETS } from './constants.ts'
import type { DatagramSocket, UdpEndpoint } from './datagrams.ts'

export class SideSockets<S extends DatagramSocket = DatagramSocket> implements DatagramSocket {
  readonly #main: DatagramSocket
  readonly #sides = new Map<UdpEndpoint, S>()
  #handler: (datagram: Uint8Array, from: UdpEndpoint) => void = () => {}

  constructor(main: DatagramSocket) {
    this.#main = main
  }

  /** Whether there is room for one more. */
  get hasRoom(): boolean {
    return this.#sides.size < MAX_SIDE_SOCKETS
  }

  /** The socket for an endpoint; undefined: the main one. */
  sideFor(endpoint: UdpEndpoint): S | undefined {
    return this.#sides.get(endpoint)
  }

  /** From now on datagrams to `endpoint` leave through `socket`, which is this one's to close. */
  add(endpoint: UdpEndpoint, socket: S): void {
    this.remove(endpoint)
    this.#sides.set(endpoint, socket)
    socket.onDatagram = this.#handler
  }

  remove(endpoint: UdpEndpoint): void {
    this.#sides.get(endpoint)?.close()
    this.#sides.delete(endpoint)
  }

  send(datagram: Uint8Array, to: UdpEndpoint): void {
    const socket = this.#sides.get(to) ?? this.#main
    socket.send(datagram, to)
  }

  set onDatagram(handler: (datagram: Uint8Array, from: UdpEndpoint) => void) {
    this.#handler = handler
    this.#main.onDatagram = handler
    for (const socket of this.#sides.values()) socket.onDatagram = handler
  }

  close(): void {
    for (const endpoint of [...this.#sides.keys()]) this.remove(endpoint)
    this.#main.close()
  }
}
