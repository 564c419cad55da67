import type { UdpEndpoint } from '../../agent/underlay/datagrams.ts'
import type { SimSocket } from '../../sim/datagram-host.ts'

/** What arrives at a socket, in order. */
export class Listener {
  readonly datagrams: Uint8Array[] = []
  readonly from: UdpEndpoint[] = []

  constructor(socket: SimSocket) {
    socket.onDatagram = (datagram, from) => {
      this.datagrams.push(datagram)
      this.from.push(from)
    }
  }

  get numbers(): number[] {
    return this.datagrams.map((datagram) => datagram[0]! * 256 + datagram[1]!)
  }
}

export const numbered = (n: number) => Uint8Array.of(n >> 8, n & 255)
