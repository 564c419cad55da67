/** What the ways to a port mapping have in common. */

import type { Ip4 } from '../../core/ip.ts'
import type { Carrier } from '../../overlay/link.ts'
import type { DatagramSocket } from '../../underlay/datagrams.ts'

export type MappingProtocol = 'pcp' | 'nat-pmp' | 'upnp'

/** Where this node and its router are on the network between them. */
export interface Uplink {
  readonly device: string
  /** The router's address there. */
  readonly gateway: Ip4
  /** This node's. */
  readonly own: Ip4
}

/** Which port shall be mapped. */
export interface Wish {
  readonly carrier: Carrier
  /** Of this node. */
  readonly port: number
  /** Of the router, if it can be had. */
  readonly outerPort: number
  /** The router's address outside, if this is a renewal (RFC 6887 section 11.2.1). */
  readonly outerIp?: Ip4
}

export interface Grant {
  readonly ip: Ip4
  readonly port: number
  /** How long from now, s; more than 0. */
  readonly lifetimeS: number
}

/** One way to ask one router. */
export interface MappingWay {
  /** Which one it turned out to be: a router that knows no PCP may know NAT-PMP. */
  readonly protocol: MappingProtocol
  /** Makes a mapping, or renews it. @throws MappingError, or the signal's reason */
  map(wish: Wish, signal: AbortSignal): Promise<Grant>
  /** Ends a mapping. @throws MappingError, or the signal's reason */
  unmap(wish: Wish, signal: AbortSignal): Promise<void>
  close(): void
}

/** A socket to a router. */
export interface GatewaySocket extends DatagramSocket {
  /** Called when the machine at the other end says that nobody listens there. */
  set onRefused(handler: () => void)
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST'
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface HttpAnswer {
  readonly status: number
  readonly body: string
}

/** How the ways reach the router. */
export interface MappingNet {
  /** A socket of this node's address `own`. To one endpoint only, if `to` is given. @throws the system's error */
  openSocket(own: Ip4, to?: { readonly ip: Ip4; readonly port: number }): Promise<GatewaySocket>
  /** A socket that hears what routers announce to all. @throws the system's error */
  openEar(): Promise<GatewaySocket>
  /** From this node's address `own`. @throws an error when there is no answer, or one that is too long */
  exchange(own: Ip4, request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer>
}

/**
 * `silent`: no answer, or none that makes sense. `closed`: the router says that nobody listens there. `refused`: it cannot, now or
 * ever. `forbidden`: it could, and its owner does not want it.
 */
export type MappingFailure = 'silent' | 'closed' | 'refused' | 'forbidden'

export class MappingError extends Error {
  override readonly name = 'MappingError'
  readonly failure: MappingFailure
  /** How long the router will say the same, s; 0 when it does not say. */
  readonly forS: number

  constructor(failure: MappingFailure, message: string, forS = 0) {
    super(message)
    this.failure = failure
    this.forS = forS
  }
}
