/**
 * What carries a tunnel's messages between two nodes, and its packets while there is no lane (../lane/lane.ts): the overlay's
 * own link, direct or relayed, over UDP or TCP. `Tunnels` knows nothing else of it.
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
  /** What the peer should answer is not answered: the way is looked after, and `onDown` called if it leads nowhere. */
  suspect(peer: Address): void
  /** The bytes come from the node that owns `peer`'s key, unaltered. */
  set onDatagram(handler: (peer: Address, datagram: Uint8Array) => void)
  /** The way to `peer` broke; `open` may find another. */
  set onDown(handler: (peer: Address) => void)
}

export class LinkCarrier implements Carrier {
  readonly name = 'link'
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

  suspect(peer: Address): void {
    this.#overlay.suspect(peer)
  }

  set onDatagram(handler: (peer: Address, datagram: Uint8Array) => void) {
    this.#overlay.onDatagram = handler
  }

  set onDown(handler: (peer: Address) => void) {
    this.#onDown = handler
  }
}
