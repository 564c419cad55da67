/** Where a UDP socket is: `192.0.2.1:4000` or `[2001:db8::1]:4000`, in its canonical form. */
export type UdpEndpoint = string & { readonly udpEndpoint: unique symbol }
/** A UDP socket. Datagrams may be lost, doubled, reordered or altered. */
export interface DatagramSocket {
  /** Sends one datagram, or loses it. Never blocks, never throws. */
  send(datagram: Uint8Array, to: UdpEndpoint): void
  set onDatagram(handler: (datagram: Uint8Array, from: UdpEndpoint) => void)
  close(): void
}
