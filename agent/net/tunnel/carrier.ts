/**
 * What carries datagrams between two nodes. There is one today: the overlay's own link (libp2p, direct or relayed). The
 * interface leaves room for faster ones: `Tunnels` knows nothing else of its carrier.
 */

import type { Address } from '../../overlay/address.ts'
import type { Overlay } from '../../overlay/overlay.ts'

export interface Carrier {
  /** What `wow status` calls it. */
  readonly name: string
  /** Makes sure that datagrams can reach `peer`. @throws when they cannot */
  open(peer: Address, signal: AbortSignal): Promise<void>
  /** False when there is no way to `peer` or it is full: the datagram is dropped. Keeps a reference to the bytes. */
  send(peer: Address, datagram: Uint8Array): boolean
  /** The bytes come from the node that owns `peer`'s key, unaltered. */
  set onDatagram(handler: (peer: Address, datagram: Uint8Array) => void)
  /** The way to `peer` broke; `open` may find another. */
  set onDown(handler: (peer: Address) => void)
}

export class LinkCarrier implements Carrier {
  readonly name = 'libp2p'
  readonly #overlay: Overlay
  #onDown: (peer: Address) => void = () => {}

  constructor(overlay: Overlay) {
    this.#overlay = overlay
    overlay.onUnlinked((peer) => this.#onDown(peer))
  }

  open(peer: Address, signal: AbortSignal): Promise<void> {
    return this.#overlay.connect(peer, signal)
  }

  send(peer: Address, datagram: Uint8Array): boolean {
    return this.#overlay.datagram(peer, datagram)
  }

  set onDatagram(handler: (peer: Address, datagram: Uint8Array) => void) {
    this.#overlay.onDatagram = handler
  }

  set onDown(handler: (peer: Address) => void) {
    this.#onDown = handler
  }
}
