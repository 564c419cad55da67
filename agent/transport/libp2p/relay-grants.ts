/**
 * The nodes that this node relays to: every node that reserved a slot, and every node with a direct link to this one.
 *
 * The second rule makes a common neighbour a relay without any arrangement. libp2p's relay serves only peers with a
 * reservation, so a directly linked peer is given one for as long as the link is up.
 */

import type { CircuitRelayService } from '@libp2p/circuit-relay-v2'
import type { Connection, PeerId } from '@libp2p/interface'

type Reservations = CircuitRelayService['reservations']
type Reservation = NonNullable<ReturnType<Reservations['get']>>

export class RelayGrants {
  readonly #reservations: Reservations
  /** Reservations that this node made on a peer's behalf. */
  readonly #given = new Map<string, Reservation>()

  constructor(reservations: Reservations) {
    this.#reservations = reservations
  }

  /** Call when the first direct link to a peer is up. */
  give(connection: Connection): void {
    const peer = connection.remotePeer
    if (this.#reservations.has(peer)) return
    const reservation: Reservation = {
      addr: connection.remoteAddr,
      expiry: new Date(Number.MAX_SAFE_INTEGER),
      signal: Object.assign(new AbortController().signal, {
        // libp2p calls this when the peer reserves a slot itself; from then on the slot belongs to the peer.
        reset: () => this.#given.delete(peer.toString()),
        clear: () => {},
      }),
    }
    this.#given.set(peer.toString(), reservation)
    this.#reservations.set(peer, reservation)
  }

  /** Call when the last direct link to a peer is gone. */
  take(peer: PeerId): void {
    const given = this.#given.get(peer.toString())
    this.#given.delete(peer.toString())
    if (given !== undefined && this.#reservations.get(peer) === given) this.#reservations.delete(peer)
  }

  /** Call when no connection to a peer is left: libp2p itself would keep the slot for two hours. */
  forget(peer: PeerId): void {
    this.#given.delete(peer.toString())
    this.#reservations.delete(peer)
  }

  /** Whether the peer reserved a slot itself and so relies on its connection. */
  reservedBy(peer: PeerId): boolean {
    return this.#reservations.has(peer) && !this.#given.has(peer.toString())
  }
}
