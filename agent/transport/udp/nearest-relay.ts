/**
 * Which third node carries a session of two that cannot reach each other: the one over which the round trip is shortest, as
 * measured. The side that opened the session measures now and then, once it has sent data, and moves; the peer follows, as it
 * follows a peer that roams.
 *
 * Guarantees: a measurement moves nobody and costs a few hundred bytes; a session moves only for a round trip that is shorter by
 * a good part, so it does not go to and fro.
 */

import { equal } from '../../core/bytes.ts'
import { type Clock, sleep, type Timer } from '../../core/clock.ts'
import type { Random } from '../../core/random.ts'
import type { Address } from '../../overlay/address.ts'
import { answerBody, LATER_NONCE_BYTES, laterBody } from '../../underlay/late-answers.ts'
import type { RelaySocket } from '../../underlay/relay-socket.ts'
import {
  MAX_RELAYS_MEASURED,
  RELAY_ANSWER_MS,
  RELAY_FIRST_REVIEW_MS,
  RELAY_GAIN_MS,
  RELAY_GAIN_SHARE,
  RELAY_REVIEW_MS,
  RELAY_SAMPLES,
} from '../constants.ts'
import type { UdpLink } from './link.ts'

export interface NearestRelayParts {
  readonly clock: Clock
  readonly random: Random
  readonly relays: Pick<RelaySocket, 'endpointOf' | 'send'>
  readonly links: () => Iterable<UdpLink>
}

export class NearestRelay {
  readonly #parts: NearestRelayParts
  /** The question under way. */
  #asked: { readonly body: Uint8Array; readonly answered: () => void } | undefined
  /** Of the next review. */
  readonly #timers = new WeakMap<UdpLink, Timer>()
  /** Links wait for their turn: one question is under way at a time. */
  #turn: Promise<void> = Promise.resolve()

  constructor(parts: NearestRelayParts) {
    this.#parts = parts
  }

  /** A relayed link carries data. */
  onData(link: UdpLink): void {
    if (!link.outgoing) return
    this.#plan(link, RELAY_FIRST_REVIEW_MS)
    void link.released.then(() => this.#timers.get(link)?.cancel())
  }

  /** The peer of a relayed session answered a question. */
  onAnswer(body: Uint8Array): void {
    if (this.#asked !== undefined && equal(this.#asked.body, body)) this.#asked.answered()
  }

  #plan(link: UdpLink, afterMs: number): void {
    if (!link.isOpen) return
    const timer = this.#parts.clock.after(afterMs, () => {
      this.#turn = this.#turn.then(() => this.#review(link))
      void this.#turn.then(() => this.#plan(link, RELAY_REVIEW_MS))
    })
    this.#timers.set(link, timer)
  }

  async #review(link: UdpLink): Promise<void> {
    const { relay } = link
    if (relay === undefined) return
    const current = await this.#roundTripMs(link, relay)
    const gainMs = current === Infinity ? 0 : Math.max(RELAY_GAIN_MS, current * RELAY_GAIN_SHARE)
    let [best, bestMs] = [relay, current - gainMs]
    for (const other of this.#others(relay, link.peer)) {
      const ms = await this.#roundTripMs(link, other)
      if (ms < bestMs) [best, bestMs] = [other, ms]
    }
    if (best !== relay && link.isOpen) link.session.heardFrom(this.#parts.relays.endpointOf(best, link.peer))
  }

  /** Other nodes that may be linked to the peer, too; each time other ones, where there are many. */
  #others(relay: Address, peer: Address): Address[] {
    const { links, random } = this.#parts
    const fit = new Set<Address>()
    for (const link of links()) if (!link.relayed && link.isOpen) fit.add(link.peer)
    fit.delete(relay)
    fit.delete(peer)
    const drawn = [...fit].map((address) => ({ address, lot: random.float() })).sort((a, b) => a.lot - b.lot)
    return drawn.slice(0, MAX_RELAYS_MEASURED - 1).map(({ address }) => address)
  }

  /** The shortest of a few round trips through a node, ms; infinite when there is none. */
  async #roundTripMs(link: UdpLink, relay: Address): Promise<number> {
    let shortest = Infinity
    for (let sample = 0; sample < RELAY_SAMPLES && link.isOpen; sample++) {
      const ms = await this.#ask(link, relay)
      // A node that is not linked to the peer is not asked again.
      if (ms === Infinity && sample > 0) break
      shortest = Math.min(shortest, ms)
    }
    return shortest
  }

  async #ask({ session, peer }: UdpLink, relay: Address): Promise<number> {
    const { clock, random, relays } = this.#parts
    const nonce = random.bytes(LATER_NONCE_BYTES)
    const to = relays.endpointOf(relay, peer)
    const askedAt = clock.now()
    let ms = Infinity
    this.#asked = {
      body: answerBody(0, nonce),
      answered: () => {
        ms = Math.min(ms, clock.now() - askedAt)
      },
    }
    session.askLater({ send: (datagram) => relays.send(datagram, to) }, laterBody(0, nonce))
    // The peer answers once a second.
    await sleep(clock, RELAY_ANSWER_MS)
    this.#asked = undefined
    return ms
  }
}
