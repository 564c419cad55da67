/**
 * Merges two rings that both believe they are whole. Now and then a node dials a node that it knows of but is not
 * linked to, and looks up its own place through that link. In its own ring it finds what it knows; in another ring it
 * links to the node beside that place, and the two rings grow into one.
 *
 * Guarantees: two rings merge, however long they were apart, as long as one node of one ring was given the address of a
 * node of the other. A node dials every given endpoint before it dials one again; one that lately led to a node which is in
 * this ring now is left out. Endpoints that strangers claim never
 * displace given ones. All nodes of a ring together dial at most about twice `PROBES_PER_SECOND`, in rings of up to
 * 86,400 nodes.
 */

import type { Clock, Timer } from '../core/clock.ts'
import { timeLimit } from '../core/deadline.ts'
import type { Random } from '../core/random.ts'
import type { Address } from './address.ts'
import {
  DIAL_TIMEOUT_MS,
  LED_TO_MS,
  PROBE_MAX_MS,
  PROBE_MIN_MS,
  PROBES_PER_SECOND,
  RENDEZVOUS_KEPT,
} from './constants.ts'
import type { Contact, Link, LinkLayer } from './link.ts'

export class RingMerge {
  readonly #links: LinkLayer
  readonly #clock: Clock
  readonly #random: Random
  readonly #size: () => number
  readonly #isLinked: (endpoint: string) => boolean
  readonly #isInRing: (peer: Address) => boolean
  readonly #adopt: (link: Link) => void
  readonly #lookUp: (through: Address) => void
  /** Endpoints given by the user, in the token or in the image. */
  readonly #given = new Set<string>()
  /** Given endpoints that were dialled in this round. */
  readonly #dialled = new Set<string>()
  /** Endpoints that peers claimed as their own, oldest first, with the peer. */
  readonly #known = new Map<string, Address>()
  /** Where dials of these endpoints led last, and when. */
  readonly #ledTo = new Map<string, { peer: Address; at: number }>()
  #timer: Timer | undefined

  constructor(parts: {
    links: LinkLayer
    clock: Clock
    random: Random
    /** Estimated number of nodes in this ring. */
    size: () => number
    /** Whether a linked peer says that it listens there. */
    isLinked: (endpoint: string) => boolean
    /** Whether a node is linked, or a neighbour names it now. */
    isInRing: (peer: Address) => boolean
    adopt: (link: Link) => void
    /** Looks up this node's place through another node. */
    lookUp: (through: Address) => void
  }) {
    this.#links = parts.links
    this.#clock = parts.clock
    this.#random = parts.random
    this.#size = parts.size
    this.#isLinked = parts.isLinked
    this.#isInRing = parts.isInRing
    this.#adopt = parts.adopt
    this.#lookUp = parts.lookUp
  }

  start(): void {
    const meanMs = Math.min(PROBE_MAX_MS, Math.max(PROBE_MIN_MS, (this.#size() / PROBES_PER_SECOND) * 1_000))
    this.#timer = this.#clock.after(meanMs * (0.5 + this.#random.float()), () => {
      this.start()
      this.#probe()
    })
  }

  stop(): void {
    this.#timer?.cancel()
  }

  give(endpoints: readonly string[]): void {
    for (const endpoint of endpoints) this.#given.add(endpoint)
  }

  /** A peer said that it listens there. */
  remember({ address, endpoints }: Contact): void {
    for (const endpoint of endpoints) {
      this.#known.delete(endpoint)
      this.#known.set(endpoint, address)
      if (this.#known.size <= RENDEZVOUS_KEPT) continue
      const oldest = this.#known.keys().next().value!
      this.#known.delete(oldest)
      if (!this.#given.has(oldest)) this.#ledTo.delete(oldest)
    }
  }

  /** Links to the node that listens at `endpoint`, and looks up this node's place through it. */
  meet(endpoint: string): Promise<void> {
    return this.#meet(endpoint, (signal) => this.#links.dialEndpoint(endpoint, signal))
  }

  async #meet(endpoint: string, dial: (signal: AbortSignal) => Promise<Link>): Promise<void> {
    const limit = timeLimit(this.#clock, DIAL_TIMEOUT_MS)
    try {
      const link = await dial(limit.signal)
      if (link.peer === this.#links.self) this.#forget(endpoint)
      else if (this.#given.has(endpoint) || this.#known.has(endpoint))
        this.#ledTo.set(endpoint, { peer: link.peer, at: this.#clock.now() })
      this.#adopt(link)
      this.#lookUp(link.peer)
    } catch {
      // Nobody is there now; a later probe may try again.
    } finally {
      limit.cancel()
    }
  }

  #probe(): void {
    const given = this.#strangers(this.#given)
    if (given.every((endpoint) => this.#dialled.has(endpoint))) this.#dialled.clear()
    const next = this.#oneOf(given.filter((endpoint) => !this.#dialled.has(endpoint)))
    if (next !== undefined) {
      this.#dialled.add(next)
      void this.meet(next)
    }
    const claimed = this.#oneOf(this.#strangers(this.#known.keys()))
    if (claimed === undefined) return
    const address = this.#known.get(claimed)!
    void this.#meet(claimed, (signal) => this.#links.dial({ address, endpoints: [claimed] }, signal))
  }

  #strangers(endpoints: Iterable<string>): string[] {
    return [...endpoints].filter((endpoint) => !this.#isLinked(endpoint) && !this.#leadsHere(endpoint))
  }

  /**
   * Whether there is a node of this ring. Of a given endpoint only a dial tells which node it is, and then whether that is still in
   * this ring counts. A claimed one that led anywhere is left alone for a while: whatever ring was there has met this one.
   */
  #leadsHere(endpoint: string): boolean {
    const led = this.#ledTo.get(endpoint)
    const isFresh = led !== undefined && this.#clock.now() - led.at < LED_TO_MS
    if (this.#given.has(endpoint)) return isFresh && this.#isInRing(led.peer)
    const claimed = this.#known.get(endpoint)
    return isFresh || (claimed !== undefined && this.#isInRing(claimed))
  }

  #oneOf(endpoints: readonly string[]): string | undefined {
    return endpoints[this.#random.below(endpoints.length)]
  }

  /** `endpoint` is this node's own. */
  #forget(endpoint: string): void {
    this.#given.delete(endpoint)
    this.#known.delete(endpoint)
  }
}
