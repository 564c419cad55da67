/**
 * In which ways others reach this node over UDP: where it listens, where its NATs let others in, and through which nodes.
 * Its peers and its owner are told when that changes.
 */

import type { Clock } from '../../core/clock.ts'
import { SpacedReview } from '../../core/spaced-review.ts'
import type { UdpEndpoint } from '../../underlay/datagrams.ts'
import { ipOf } from '../../underlay/udp-endpoint.ts'
import { REACH_SPACING_MS } from '../constants.ts'
import { orderEndpoints, udpMultiaddr } from '../endpoints.ts'
import type { UdpLink } from './link.ts'
import { OuterEndpoints } from './outer-endpoints.ts'
import { UdpRelaySlots } from './relay-slots.ts'

export interface ReachParts {
  readonly peerId: string
  /** Where this node's sockets are now. */
  readonly listening: () => readonly UdpEndpoint[]
  /** Where others reach this node besides. */
  readonly announce: readonly string[]
  readonly clock: Clock
  readonly links: () => Iterable<UdpLink>
  /** The endpoints are others now. */
  readonly changed: () => void
}

export class Reach {
  readonly outer: OuterEndpoints
  readonly #parts: ReachParts
  readonly #slots = new UdpRelaySlots()
  readonly #review: SpacedReview
  /** What the peers, and the owner, were told. */
  #carries = false
  #told = ''

  constructor(parts: ReachParts) {
    this.#parts = parts
    this.#review = new SpacedReview(parts.clock, REACH_SPACING_MS, () => this.#spread())
    this.outer = new OuterEndpoints(parts.listening, () => this.#review.ask())
  }

  /** Whether others can dial this node, so that it carries sessions for those who cannot be dialled. */
  get carries(): boolean {
    return this.#carries
  }

  endpoints(): string[] {
    const { listening, announce, peerId } = this.#parts
    const direct = [...this.outer.candidates(), ...listening()].map(udpMultiaddr)
    return orderEndpoints([...announce], direct, this.#slots.endpoints(peerId), peerId)
  }

  /** The addresses of this node, inside and outside of its NATs, as one text. */
  get places(): string {
    const all = [...this.outer.candidates(), ...this.#parts.listening()].map(ipOf)
    return [...new Set(all)].sort().join()
  }

  /** Whether others reach this node through the peer of the link. */
  isThrough(link: UdpLink): boolean {
    return this.#slots.has(link)
  }

  /** A link is gone. `isLast`: no other leads to its peer directly. */
  released(link: UdpLink, isLast: boolean): void {
    if (isLast) this.outer.forget(link.peer)
    this.#review.ask()
  }

  stop(): void {
    this.#review.stop()
  }

  /** Returns whether there was news to tell. */
  #spread(): boolean {
    const { links, announce, changed } = this.#parts
    const { mapping, isOpen } = this.outer
    this.#slots.review(links(), mapping === 'predictable' || mapping === 'random')
    const carries = announce.length > 0 || isOpen
    const isNews = carries !== this.#carries
    if (isNews) {
      this.#carries = carries
      for (const link of links()) if (!link.relayed) link.tell(carries)
    }
    const endpoints = this.endpoints().join()
    if (endpoints === this.#told) return isNews
    this.#told = endpoints
    changed()
    return true
  }
}
