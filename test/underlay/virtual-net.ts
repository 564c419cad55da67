/** UDP sockets in virtual time, on a net that loses, doubles, delays and alters datagrams, and counts who sent what. */

import type { DatagramSocket, UdpEndpoint } from '../../agent/underlay/datagrams.ts'
import type { SeededRandom } from '../../sim/seeded-random.ts'
import type { VirtualClock } from '../../sim/virtual-clock.ts'

export interface Sent {
  readonly from: UdpEndpoint
  readonly to: UdpEndpoint
  readonly datagram: Uint8Array
}

export class VirtualNet {
  readonly clock: VirtualClock
  readonly #random: SeededRandom
  readonly #sockets = new Map<UdpEndpoint, VirtualSocket>()
  loss = 0
  duplicate = 0
  minDelayMs = 10
  maxDelayMs = 10
  /** Sees each datagram that is sent; returns what goes on instead. */
  onSent: (sent: Sent) => Sent | undefined = (sent) => sent

  constructor(clock: VirtualClock, random: SeededRandom) {
    this.clock = clock
    this.#random = random
  }

  socket(endpoint: UdpEndpoint): VirtualSocket {
    const socket = new VirtualSocket(endpoint, (sent) => this.#carry(sent))
    this.#sockets.set(endpoint, socket)
    return socket
  }

  /** The NAT before a socket forgets its mapping: the socket is now seen at another endpoint. */
  rebind(socket: VirtualSocket, endpoint: UdpEndpoint): void {
    this.#sockets.delete(socket.endpoint)
    socket.endpoint = endpoint
    this.#sockets.set(endpoint, socket)
  }

  /** Delivers a datagram as if it came from `from`. */
  inject({ from, to, datagram }: Sent): void {
    this.#sockets.get(to)?.receive(datagram.slice(), from)
  }

  #carry(sent: Sent): void {
    const going = this.onSent(sent)
    if (going === undefined) return
    const copies = this.#random.float() < this.duplicate ? 2 : 1
    for (let i = 0; i < copies; i++) {
      if (this.#random.float() < this.loss) continue
      const delayMs = this.minDelayMs + this.#random.float() * (this.maxDelayMs - this.minDelayMs)
      this.clock.after(delayMs, () => this.inject(going))
    }
  }
}

export class VirtualSocket implements DatagramSocket {
  endpoint: UdpEndpoint
  readonly #carry: (sent: Sent) => void
  #handler: (datagram: Uint8Array, from: UdpEndpoint) => void = () => {}

  constructor(endpoint: UdpEndpoint, carry: (sent: Sent) => void) {
    this.endpoint = endpoint
    this.#carry = carry
  }

  send(datagram: Uint8Array, to: UdpEndpoint): void {
    this.#carry({ from: this.endpoint, to, datagram: datagram.slice() })
  }

  set onDatagram(handler: (datagram: Uint8Array, from: UdpEndpoint) => void) {
    this.#handler = handler
  }

  receive(datagram: Uint8Array, from: UdpEndpoint): void {
    this.#handler(datagram, from)
  }

  close(): void {
    this.#handler = () => {}
  }
}
