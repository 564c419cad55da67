/**
 * Datagrams through a third node, blindly: the relay is a node that both ends have a session with, and what it carries
 * is sealed for the other end. It answers when it has no session with the other end, and drops what is above the rates of
 * `RELAY_BYTES_PER_S` and `RELAY_LINK_BYTES_PER_S`. The rates are all that it remembers.
 *
 * To the sessions that run over it, a `RelaySocket` is a UDP socket. An endpoint stands for a peer behind a relay; it is
 * an address of the discard prefix (RFC 6666), means something only within this socket, and is never sent anywhere.
 *
 * A relayed datagram is the payload of a session: one byte that says what it is, the address of the other end (for the
 * relay: the receiver; from the relay: the sender), and the datagram.
 */

import { Budget } from '../core/budget.ts'
import { concat } from '../core/bytes.ts'
import type { Clock } from '../core/clock.ts'
import type { Counters } from '../core/counters.ts'
import { setLatest } from '../core/latest.ts'
import { ADDRESS_BYTES, type Address, addressBytes, addressFromBytes } from '../overlay/address.ts'
import { RELAY_BURST_S, RELAY_BYTES_PER_S, RELAY_LINK_BYTES_PER_S } from './constants.ts'
import type { DatagramSocket, UdpEndpoint } from './datagrams.ts'
import type { Session } from './sessions.ts'
import { udpEndpoint } from './udp-endpoint.ts'

/** To the relay: carry this. */
const CARRY = 1
/** From the relay: this was carried. */
const CARRIED = 2
/** From the relay: there is no session with the receiver; without a datagram. */
const REFUSED = 3
const HEADER_BYTES = 1 + ADDRESS_BYTES

/** What a relayed datagram costs of the relay's sessions: our header, and the seal of the session within. */
export const RELAY_ROOM = 96
/** Peers behind one relay that have an endpoint; above this the one unused for longest loses it. The relay can name any. */
const MAX_PLACES = 256
/** Relays with such peers; above this one goes that there is no session with, or else the one that came first. */
const MAX_RELAYS = 1_024
/** Endpoints that can be told apart: see `discardEndpoint`. */
const ENDPOINTS = 2 ** 32

interface Place {
  readonly relay: Address
  readonly peer: Address
}

export class RelaySocket implements DatagramSocket {
  readonly #sessionWith: (peer: Address) => Session | undefined
  readonly #clock: Clock
  readonly #counters: Counters
  readonly #all: Budget
  /** By the session on which the datagrams came. */
  readonly #bySession = new WeakMap<Session, Budget>()
  readonly #places = new Map<UdpEndpoint, Place>()
  /** By the relay and the peer, the peer unused for longest first. */
  readonly #behind = new Map<Address, Map<Address, UdpEndpoint>>()
  #made = 0
  #handler: ((datagram: Uint8Array, from: UdpEndpoint) => void) | undefined
  #refusedHandler: ((endpoint: UdpEndpoint) => void) | undefined

  /** @param parts.sessionWith a direct session with a node, if there is one */
  constructor(parts: { sessionWith: (peer: Address) => Session | undefined; clock: Clock; counters: Counters }) {
    this.#sessionWith = parts.sessionWith
    this.#clock = parts.clock
    this.#all = new Budget(parts.clock, RELAY_BYTES_PER_S, RELAY_BURST_S)
    this.#counters = parts.counters
  }

  set onDatagram(handler: (datagram: Uint8Array, from: UdpEndpoint) => void) {
    this.#handler = handler
  }

  /** The relay has no session with the peer that the endpoint stands for. */
  set onRefused(handler: (endpoint: UdpEndpoint) => void) {
    this.#refusedHandler = handler
  }

  /** The endpoint of `peer` behind `relay`. */
  endpointOf(relay: Address, peer: Address): UdpEndpoint {
    const behind = this.#behindRelay(relay)
    const known = behind.get(peer)
    const endpoint = known ?? this.#freeEndpoint()
    const dropped = setLatest(behind, peer, endpoint, MAX_PLACES)
    if (dropped !== undefined) this.#places.delete(dropped)
    if (known === undefined) this.#places.set(endpoint, { relay, peer })
    return endpoint
  }

  /** The relay that an endpoint leads through. */
  relayOf(endpoint: UdpEndpoint): Address | undefined {
    return this.#places.get(endpoint)?.relay
  }

  send(datagram: Uint8Array, to: UdpEndpoint): void {
    const place = this.#places.get(to)
    const session = place && this.#sessionWith(place.relay)
    if (place === undefined || session === undefined) {
      this.#counters.drop('relay-lost')
      return
    }
    this.endpointOf(place.relay, place.peer)
    this.#pass(session, CARRY, place.peer, datagram)
  }

  /** Takes a payload of kind `datagram` of the session with `from`, for this node or to be carried. Never throws. */
  receive(from: Address, payload: Uint8Array): void {
    if (payload.length < HEADER_BYTES) {
      this.#counters.drop('relay-malformed')
      return
    }
    const other = addressFromBytes(payload.subarray(1, HEADER_BYTES))
    const datagram = payload.subarray(HEADER_BYTES)
    if (payload[0] === CARRY) this.#carry(from, other, datagram)
    else if (payload[0] === CARRIED) this.#handler?.(datagram, this.endpointOf(from, other))
    else if (payload[0] === REFUSED) this.#refusedHandler?.(this.endpointOf(from, other))
    else this.#counters.drop('relay-malformed')
  }

  close(): void {
    this.#handler = undefined
    this.#places.clear()
    this.#behind.clear()
  }

  #behindRelay(relay: Address): Map<Address, UdpEndpoint> {
    const known = this.#behind.get(relay)
    if (known !== undefined) return known
    const behind = new Map<Address, UdpEndpoint>()
    if (this.#behind.size === MAX_RELAYS) this.#forgetRelay()
    this.#behind.set(relay, behind)
    return behind
  }

  #forgetRelay(): void {
    const relays = [...this.#behind.keys()]
    const gone = relays.find((relay) => this.#sessionWith(relay) === undefined) ?? relays[0]!
    for (const endpoint of this.#behind.get(gone)!.values()) this.#places.delete(endpoint)
    this.#behind.delete(gone)
  }

  #freeEndpoint(): UdpEndpoint {
    let endpoint: UdpEndpoint
    do {
      this.#made = (this.#made + 1) % ENDPOINTS
      endpoint = discardEndpoint(this.#made)
    } while (this.#places.has(endpoint))
    return endpoint
  }

  #carry(from: Address, to: Address, datagram: Uint8Array): void {
    const session = this.#sessionWith(to)
    const back = this.#sessionWith(from)
    if (back === undefined) return
    if (!this.#affords(back, datagram.length + RELAY_ROOM)) this.#counters.drop('relay-quota')
    else if (session === undefined) this.#pass(back, REFUSED, to, new Uint8Array(0))
    else this.#pass(session, CARRIED, from, datagram)
  }

  #affords(session: Session, bytes: number): boolean {
    const budget = this.#bySession.get(session) ?? new Budget(this.#clock, RELAY_LINK_BYTES_PER_S, RELAY_BURST_S)
    this.#bySession.set(session, budget)
    return budget.take(bytes, RELAY_LINK_BYTES_PER_S) && this.#all.take(bytes, RELAY_BYTES_PER_S)
  }

  #pass(session: Session, kind: number, other: Address, datagram: Uint8Array): void {
    if (datagram.length + HEADER_BYTES > session.maxPayload) {
      this.#counters.drop('relay-oversized')
      return
    }
    session.send('datagram', concat(Uint8Array.of(kind), addressBytes(other), datagram))
  }
}

/** Whether an endpoint stands for a peer behind a relay. */
export function isBehindRelay(endpoint: UdpEndpoint): boolean {
  return endpoint.startsWith('[100::')
}

function discardEndpoint(n: number): UdpEndpoint {
  const endpoint = udpEndpoint(`100::${Math.floor(n / 65_536).toString(16)}:${(n % 65_536).toString(16)}`, 1)
  if (endpoint === undefined) throw new RangeError(`relayed endpoint ${n}`)
  return endpoint
}
