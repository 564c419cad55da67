/**
 * Which lane leads to which virtual IP, for the fast path.
 *
 * Guarantees: a route stands only while the resolver believes that the address is at the lane's peer, and packets take the
 * lane; both are looked at again at every tick of the tunnels, and at once when either says that it has changed.
 */

import type { Ip4 } from '../../core/ip.ts'
import type { Address } from '../../overlay/address.ts'
import type { Resolver } from '../resolver.ts'
import type { LaneTables } from './lane-tables.ts'

/** A tunnel, as far as a route needs it. */
interface Way {
  readonly peer: Address
  readonly lane: number | undefined
}

interface FastRoute {
  readonly way: Way
  readonly lane: number
  /** Bytes both ways when last looked at. */
  seen: number
}

export class FastRoutes {
  readonly #tables: LaneTables
  readonly #resolver: Resolver
  readonly #routes = new Map<Ip4, FastRoute>()
  /** Of routes that were taken away. */
  readonly #before = new Map<Ip4, { sent: number; got: number }>()

  constructor({ tables, resolver }: { tables: LaneTables; resolver: Resolver }) {
    this.#tables = tables
    this.#resolver = resolver
    resolver.onChange = (ip) => this.#check(ip)
  }

  /** The address is believed to be at the peer of `way`. */
  set(ip: Ip4, way: Way): void {
    const { lane } = way
    const route = this.#routes.get(ip)
    if (lane === undefined || (route?.lane === lane && route.way === way)) return
    this.#routes.set(ip, { way, lane, seen: 0 })
    this.#tables.setRoute(ip, lane)
  }

  /** Packets of `way` take another lane, or none. */
  laneChanged(way: Way): void {
    for (const [ip, route] of this.#routes) {
      if (route.way !== way) continue
      if (way.lane === undefined) this.remove(ip)
      else this.set(ip, way)
    }
  }

  remove(ip: Ip4): void {
    if (!this.#routes.delete(ip)) return
    const { sent, got } = this.#tables.routeBytes(ip)
    const before = this.#before.get(ip) ?? { sent: 0, got: 0 }
    this.#before.set(ip, { sent: before.sent + sent, got: before.got + got })
    this.#tables.removeRoute(ip)
  }

  /** With its bytes. */
  forget(ip: Ip4): void {
    this.remove(ip)
    this.#before.delete(ip)
  }

  /** Keeps what is believed, and has answers in use refreshed before they expire. */
  review(): void {
    for (const [ip, route] of this.#routes) {
      const { sent, got } = this.#tables.routeBytes(ip)
      if (sent + got > route.seen) this.#resolver.peek(ip)
      route.seen = sent + got
      this.#check(ip)
    }
  }

  /** Bytes that went past JavaScript. */
  bytes(ip: Ip4): { readonly sent: number; readonly got: number } {
    const before = this.#before.get(ip) ?? { sent: 0, got: 0 }
    if (!this.#routes.has(ip)) return before
    const { sent, got } = this.#tables.routeBytes(ip)
    return { sent: before.sent + sent, got: before.got + got }
  }

  clear(): void {
    for (const ip of [...this.#routes.keys()]) this.remove(ip)
    this.#before.clear()
  }

  #check(ip: Ip4): void {
    const route = this.#routes.get(ip)
    if (route === undefined) return
    if (this.#resolver.believed(ip) !== route.way.peer || route.way.lane !== route.lane) this.remove(ip)
  }
}
