/** The paths of direct sessions: as long as a link stands, to the endpoint that its session has proven last. */

import type { LanePath } from '../../native/lanes.ts'
import type { Address } from '../../overlay/address.ts'
import type { UdpEndpoint } from '../../underlay/datagrams.ts'
import type { Paths } from '../../underlay/paths.ts'
import type { Session } from '../../underlay/sessions.ts'
import { ipOf, portOf, udpEndpoint } from '../../underlay/udp-endpoint.ts'

export class UdpPaths implements Paths {
  readonly #sessionWith: (peer: Address) => Session | undefined
  readonly #socketFor: (endpoint: UdpEndpoint) => object | undefined
  #onPath: (peer: Address) => void = () => {}

  /** @param parts.socketFor the socket that reaches an endpoint, if the addon has it */
  constructor(parts: {
    sessionWith: (peer: Address) => Session | undefined
    socketFor: (endpoint: UdpEndpoint) => object | undefined
  }) {
    this.#sessionWith = parts.sessionWith
    this.#socketFor = parts.socketFor
  }

  set onPath(handler: (peer: Address) => void) {
    this.#onPath = handler
  }

  pathTo(peer: Address): LanePath | undefined {
    const remote = this.#sessionWith(peer)?.remote
    const socket = remote && this.#socketFor(remote)
    return socket && { socket, ip: ipOf(remote), port: portOf(remote) }
  }

  heardFrom(peer: Address, ip: string, port: number): void {
    const endpoint = udpEndpoint(ip, port)
    if (endpoint !== undefined) this.#sessionWith(peer)?.heardFrom(endpoint)
  }

  changed(peer: Address): void {
    this.#onPath(peer)
  }
}
