/** Who gets which datagram: each one after the first names a receiver by an index that this node chose. */

import type { Clock } from '../core/clock.ts'
import type { Counters } from '../core/counters.ts'
import type { Random } from '../core/random.ts'
import type { GateKeys } from '../native/lanes.ts'
import type { DatagramSocket, UdpEndpoint } from './datagrams.ts'
import type { NodeKeys } from './handshake.ts'
import type { Packet } from './packets.ts'
import type { Silence } from './silence.ts'

export type AddressedPacket = Exclude<Packet, { kind: 'first' }>

/** Returns why the packet is dropped; undefined when it was taken. `length`: of the whole datagram, bytes. */
export type Receiver = (packet: AddressedPacket, from: UdpEndpoint, length: number) => string | undefined

/** What the parts of one node's sessions share. */
export interface SessionGround {
  readonly socket: Pick<DatagramSocket, 'send'>
  readonly clock: Clock
  readonly random: Random
  readonly counters: Counters
  readonly keys: NodeKeys
  readonly receivers: Receivers
  /** Who looks at first messages before they come here; undefined: nobody does. */
  readonly setGate?: ((keys: GateKeys) => void) | undefined
  readonly silence: Silence
  /** Whether the side that opened a session alone says where it runs, as through relays: two that both follow swap for ever. */
  readonly openerLeads: boolean
  /** Whom a stranger's rate of handshakes counts for. */
  readonly networkOf: (from: UdpEndpoint) => string
  /** When the keys of a session are renewed: by their age, or by the records sealed or opened with them. */
  readonly renewal: { readonly afterMs: number; readonly afterRecords: number }
}

export class Receivers {
  readonly #random: Pick<Random, 'below'>
  readonly #receivers = new Map<number, Receiver>()

  constructor(random: Pick<Random, 'below'>) {
    this.#random = random
  }

  /** A free index, hard to guess, for `receiver`. */
  claim(receiver: Receiver): number {
    let index: number
    do index = this.#random.below(2 ** 32)
    while (this.#receivers.has(index))
    this.#receivers.set(index, receiver)
    return index
  }

  /** Gives a claimed index to another receiver. */
  pass(index: number, receiver: Receiver): void {
    this.#receivers.set(index, receiver)
  }

  release(index: number): void {
    this.#receivers.delete(index)
  }

  find(index: number): Receiver | undefined {
    return this.#receivers.get(index)
  }
}
