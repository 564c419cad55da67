/**
 * A NAT as RFC 4787 describes one: how it maps an inner endpoint to an outer port, and whom it lets in through it.
 *
 * A mapping lives while datagrams leave through it (REQ-6); datagrams that come in do not prolong it. `sim/nat.ts` has
 * the kinds of NAT of the simulator of links, which knows no ports.
 */

import type { Clock } from '../agent/core/clock.ts'
import type { Random } from '../agent/core/random.ts'
import type { UdpEndpoint } from '../agent/underlay/datagrams.ts'
import { ipOf, portOf, udpEndpoint } from '../agent/underlay/udp-endpoint.ts'
import { PINHOLE_MS } from './nat.ts'

/** What of a datagram's far end a NAT looks at (RFC 4787, sections 4.1 and 5). */
export type NatDependence = 'endpoint-independent' | 'address-dependent' | 'address-and-port-dependent'

export interface NatBehavior {
  /** Which far ends share one outer port of an inner endpoint. */
  readonly mapping: NatDependence
  /** Who may send to an outer port: anybody, or whom the inner endpoint has sent to. */
  readonly filtering: NatDependence
  /** `preserving`: the outer port is the inner one while it is free, else a random one. */
  readonly ports: 'preserving' | 'random'
  /** A mapping and each permission end this long after the last datagram that left, ms. */
  readonly timeoutMs: number
  /** Whether inner hosts reach each other by their outer endpoints. */
  readonly hairpinning: boolean
}

/** The usual router at home: whoever knows the outer port can be punched to. */
export const HOME_NAT: NatBehavior = {
  mapping: 'endpoint-independent',
  filtering: 'address-and-port-dependent',
  ports: 'preserving',
  timeoutMs: PINHOLE_MS,
  hairpinning: false,
}

/** Whoever knows the outer port may send to it, once the inner host has sent anything. */
export const FULL_CONE_NAT: NatBehavior = { ...HOME_NAT, filtering: 'endpoint-independent' }

/** Whoever was sent to may send from any of its ports. */
export const RESTRICTED_CONE_NAT: NatBehavior = { ...HOME_NAT, filtering: 'address-dependent' }

/** What RFC 6888 asks of a provider's NAT. */
export const CARRIER_GRADE_NAT: NatBehavior = {
  mapping: 'endpoint-independent',
  filtering: 'endpoint-independent',
  ports: 'random',
  timeoutMs: PINHOLE_MS,
  hairpinning: true,
}

/** A NAT that gives each far end a port of its own: peers cannot learn the port from a third node. */
export const SYMMETRIC_NAT: NatBehavior = {
  mapping: 'address-and-port-dependent',
  filtering: 'address-and-port-dependent',
  ports: 'random',
  timeoutMs: PINHOLE_MS,
  hairpinning: false,
}

/** A NAT that gives each far address a port of its own. */
export const ADDRESS_DEPENDENT_NAT: NatBehavior = { ...SYMMETRIC_NAT, mapping: 'address-dependent' }

interface Mapping {
  /** undefined after a rebinding: the port is held, and leads nowhere. */
  inner: UdpEndpoint | undefined
  readonly port: number
  expiresAt: number
  /** Until when each far end may send in, by what the filter looks at. */
  readonly allowed: Map<string, number>
}

const FIRST_PORT = 1_024

export class NatTable {
  readonly behavior: NatBehavior
  readonly #ip: string
  readonly #clock: Clock
  readonly #random: Random
  readonly #byFlow = new Map<string, Mapping>()
  readonly #byPort = new Map<number, Mapping>()

  constructor(parts: { behavior: NatBehavior; ip: string; clock: Clock; random: Random }) {
    this.behavior = parts.behavior
    this.#ip = parts.ip
    this.#clock = parts.clock
    this.#random = parts.random
  }

  /** The outer endpoint of a datagram that leaves; undefined when every port is taken. */
  outbound(inner: UdpEndpoint, far: UdpEndpoint): UdpEndpoint | undefined {
    const now = this.#clock.now()
    const flow = `${inner}>${seen(this.behavior.mapping, far)}`
    let mapping = this.#byFlow.get(flow)
    if (mapping === undefined || mapping.expiresAt <= now) {
      const port = this.#freePort(portOf(inner))
      if (port === undefined) return undefined
      mapping = { inner, port, expiresAt: 0, allowed: new Map() }
      this.#byFlow.set(flow, mapping)
      this.#byPort.set(port, mapping)
    }
    mapping.expiresAt = now + this.behavior.timeoutMs
    mapping.allowed.set(seen(this.behavior.filtering, far), mapping.expiresAt)
    return udpEndpoint(this.#ip, mapping.port)
  }

  /** The inner endpoint that a datagram to an outer one goes to; undefined when it is not let in. */
  inbound(outer: UdpEndpoint, far: UdpEndpoint): UdpEndpoint | undefined {
    const now = this.#clock.now()
    const mapping = this.#byPort.get(portOf(outer))
    if (mapping === undefined || mapping.expiresAt <= now) return undefined
    const allowedUntil = mapping.allowed.get(seen(this.behavior.filtering, far)) ?? 0
    const open = this.behavior.filtering === 'endpoint-independent' || allowedUntil > now
    return open ? mapping.inner : undefined
  }

  /** Forgets every mapping: later datagrams leave from other ports, on a port-preserving NAT too. */
  rebind(): void {
    this.#byFlow.clear()
    for (const mapping of this.#byPort.values()) mapping.inner = undefined
  }

  #freePort(wanted: number): number | undefined {
    if (this.behavior.ports === 'preserving' && this.#isFree(wanted)) return wanted
    const first = this.#random.below(65_536 - FIRST_PORT)
    for (let i = 0; i < 65_536 - FIRST_PORT; i++) {
      const port = FIRST_PORT + ((first + i) % (65_536 - FIRST_PORT))
      if (this.#isFree(port)) return port
    }
    return undefined
  }

  #isFree(port: number): boolean {
    return (this.#byPort.get(port)?.expiresAt ?? 0) <= this.#clock.now()
  }
}

function seen(dependence: NatDependence, far: UdpEndpoint): string {
  if (dependence === 'endpoint-independent') return ''
  return dependence === 'address-dependent' ? ipOf(far) : far
}
