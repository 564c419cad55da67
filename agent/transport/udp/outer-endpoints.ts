/**
 * Where other nodes see this node. Behind a NAT that is where those outside can reach it, if its NAT maps one socket to one
 * outer endpoint whoever it talks to (endpoint-independent mapping, RFC 4787 section 4.1).
 *
 * A NAT that maps each far end to another endpoint is not reached there. One of them is told all the same: a NAT at the other
 * end may let in whoever comes from an address that its own node has sent to (address-dependent filtering, section 5).
 *
 * A router that maps a port for this node says itself where others get in. That comes first, and needs no observer.
 *
 * An observer's word is a claim. It counts when a second observer says the same, or while there is only one; a false one
 * makes others send a few handshakes to nobody.
 */

import { isIPv4 } from 'node:net'
import type { Address } from '../../overlay/address.ts'
import type { UdpEndpoint } from '../../underlay/datagrams.ts'
import { ipOf } from '../../underlay/udp-endpoint.ts'

/** Outer endpoints that are told to others: one of each address family. */
const MAX_OUTER = 2
/** Those that people are shown: behind a NAT that randomises there is one for each observer. */
const MAX_SHOWN = 4

/** `none`: seen where it listens. `predictable`: always at one endpoint. `random`: at another by each observer. */
export type NatMapping = 'unknown' | 'none' | 'predictable' | 'random'

export class OuterEndpoints {
  readonly #seen = new Map<Address, UdpEndpoint>()
  readonly #own: () => readonly UdpEndpoint[]
  readonly #changed: () => void
  #mapped: UdpEndpoint | undefined

  /** `own`: where this node listens. `changed` is called when something may be news. */
  constructor(own: () => readonly UdpEndpoint[], changed = () => {}) {
    this.#own = own
    this.#changed = changed
  }

  /** Where a router lets others in; undefined: nowhere. */
  set mapped(endpoint: UdpEndpoint | undefined) {
    this.#mapped = endpoint
    this.#changed()
  }

  /** Returns whether that is news. */
  note(observer: Address, endpoint: UdpEndpoint): boolean {
    const isNews = this.#seen.get(observer) !== endpoint
    this.#seen.set(observer, endpoint)
    this.#changed()
    return isNews
  }

  forget(observer: Address): void {
    this.#seen.delete(observer)
  }

  get mapping(): NatMapping {
    if (this.#seen.size === 0) return 'unknown'
    if (this.#outside().length === 0) return 'none'
    return this.#predictable().length > 0 ? 'predictable' : 'random'
  }

  /**
   * Whether anybody can dial this node: it is seen where it listens, or a router lets others in at the very address from which
   * observers see it come. A router behind another NAT has another one.
   */
  get isOpen(): boolean {
    if (this.#mapped === undefined) return this.mapping === 'none'
    const ip = ipOf(this.#mapped)
    return this.mapping === 'none' || this.#outside().some((endpoint) => ipOf(endpoint) === ip)
  }

  /**
   * The endpoints at which nodes outside may reach this node through its NATs: the one that a router mapped, then those that observers
   * saw, the one that most of them saw first.
   */
  candidates(): UdpEndpoint[] {
    return [...new Set([...(this.#mapped === undefined ? [] : [this.#mapped]), ...this.#observed()])]
  }

  #observed(): UdpEndpoint[] {
    const predictable = this.#predictable()
    if (predictable.length > 0) return predictable
    const outside = this.#outside()
    return new Set(outside.map(ipOf)).size === 1 ? outside.slice(-1) : []
  }

  /**
   * The IPv4 address whose ports this node's NAT deals out, another to each far end; undefined when it does not. With one
   * observer nobody can tell: then `isSure` is false.
   */
  get dealt(): { readonly ip: string; readonly isSure: boolean } | undefined {
    const outside = this.#outside()
    const ips = new Set(outside.map(ipOf))
    const [ip] = ips
    if (ip === undefined || ips.size > 1 || !isIPv4(ip)) return undefined
    const isSure = this.mapping === 'random'
    return isSure || outside.length === 1 ? { ip, isSure } : undefined
  }

  /** The IPv4 endpoint at which whoever this node sends to sees it; undefined when they see others. */
  get steady(): UdpEndpoint | undefined {
    const { mapping } = this
    const seen = mapping === 'none' ? [...this.#seen.values()] : mapping === 'predictable' ? this.#predictable() : []
    return seen.find((endpoint) => isIPv4(ipOf(endpoint)))
  }

  /** Where this node is seen, and does not listen: what most observers say first. */
  seenAt(): UdpEndpoint[] {
    return [...this.#counts()]
      .sort(([, a], [, b]) => b - a)
      .slice(0, MAX_SHOWN)
      .map(([endpoint]) => endpoint)
  }

  #predictable(): UdpEndpoint[] {
    const isOnlyOne = this.#outside().length === 1
    return [...this.#counts()]
      .filter(([, count]) => count > 1 || isOnlyOne)
      .sort(([, a], [, b]) => b - a)
      .slice(0, MAX_OUTER)
      .map(([endpoint]) => endpoint)
  }

  #counts(): Map<UdpEndpoint, number> {
    const counts = new Map<UdpEndpoint, number>()
    for (const endpoint of this.#outside()) counts.set(endpoint, (counts.get(endpoint) ?? 0) + 1)
    return counts
  }

  /** What observers saw beside the endpoints where this node listens. */
  #outside(): UdpEndpoint[] {
    const own = new Set(this.#own())
    return [...this.#seen.values()].filter((endpoint) => !own.has(endpoint))
  }
}
