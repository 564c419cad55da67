/**
 * A port mapping by UPnP, the way that most home routers have. The router is searched once; then it is asked over HTTP, which
 * only ever goes to the router's own address.
 */

import { withDeadline } from '../../core/deadline.ts'
import { messageOf } from '../../core/errors.ts'
import { formatIp4, type Ip4 } from '../../core/ip.ts'
import { ipOf, udpEndpoint } from '../../underlay/udp-endpoint.ts'
import { Asker } from './asker.ts'
import {
  DYNAMIC_PORTS,
  FIRST_DYNAMIC_PORT,
  HTTP_LIMIT_MS,
  LIFETIME_S,
  MAX_UPNP_PORTS,
  SSDP_GROUP,
  SSDP_PORT,
  SSDP_WAITS_MS,
} from './constants.ts'
import { addressIn, errorIn, type IgdService, readDescription, soapRequest } from './igd.ts'
import type { WayParts } from './port-control.ts'
import { readSearchAnswer, SEARCH } from './ssdp.ts'
import { type Grant, type HttpAnswer, type HttpRequest, MappingError, type MappingWay, type Wish } from './ways.ts'

/** Errors of UPnP (Device Architecture section 3.2.2, WANIPConnection:2 section 2.5). */
const NOT_AUTHORIZED = 606
const CONFLICT = 718
const ONLY_PERMANENT = 725

const NAMES = { tcp: 'TCP', udp: 'UDP' } as const

export class Upnp implements MappingWay {
  readonly protocol = 'upnp'
  readonly #parts: WayParts
  #service: IgdService | undefined
  /** The router knows no mappings that end. */
  #permanent = false

  constructor(parts: WayParts) {
    this.#parts = parts
  }

  /** @throws MappingError, or the signal's reason */
  async map(wish: Wish, signal: AbortSignal): Promise<Grant> {
    this.#service ??= await this.#find(signal)
    const ip = await this.#address(this.#service, signal)
    let outerPort = wish.outerPort
    for (let tries = 1; ; tries++) {
      const error = await this.#add(this.#service, { ...wish, outerPort }, signal)
      if (error === 0) return { ip, port: outerPort, lifetimeS: LIFETIME_S }
      if (error === ONLY_PERMANENT && !this.#permanent) this.#permanent = true
      else if (error === CONFLICT) outerPort = FIRST_DYNAMIC_PORT + this.#parts.random.below(DYNAMIC_PORTS)
      else throw refusal(error)
      if (tries > MAX_UPNP_PORTS) throw refusal(error)
    }
  }

  /** @throws MappingError, or the signal's reason */
  async unmap({ carrier, outerPort }: Wish, signal: AbortSignal): Promise<void> {
    if (this.#service === undefined) return
    const error = await this.#call(this.#service, 'DeletePortMapping', mappingOf(carrier, outerPort), signal)
    if (error.code !== 0) throw refusal(error.code)
  }

  close(): void {}

  /** @throws MappingError, or the signal's reason */
  async #find(signal: AbortSignal): Promise<IgdService> {
    const { net, uplink, clock, counters } = this.#parts
    const { own, gateway } = uplink
    const isRouter = (from: Parameters<typeof ipOf>[0]) => ipOf(from) === formatIp4(gateway)
    const to = udpEndpoint(SSDP_GROUP, SSDP_PORT)!
    const asker = new Asker({ socket: await net.openSocket(own), to, isRouter, clock, counters })
    let at: URL
    try {
      const read = (bytes: Uint8Array) => readSearchAnswer(bytes, gateway) ?? 'malformed'
      at = await asker.ask({ datagram: SEARCH, waitsMs: SSDP_WAITS_MS, read }, signal)
    } finally {
      asker.close()
    }
    const description = await this.#exchange({ method: 'GET', url: at }, signal)
    const service = description.status === 200 ? readDescription(description.body, at, gateway) : undefined
    if (service !== undefined) return service
    counters.drop('malformed')
    throw new MappingError('silent', 'the router describes no service that maps ports')
  }

  async #address(service: IgdService, signal: AbortSignal): Promise<Ip4> {
    const { code, answer } = await this.#call(service, 'GetExternalIPAddress', [], signal)
    if (code !== 0) throw refusal(code)
    const ip = addressIn(answer)
    if (ip === undefined) throw new MappingError('refused', 'the router has no address outside')
    return ip
  }

  /** Returns the number of the router's error, 0 for none. */
  async #add(service: IgdService, { carrier, port, outerPort }: Wish, signal: AbortSignal): Promise<number> {
    const { code } = await this.#call(
      service,
      'AddPortMapping',
      [
        ...mappingOf(carrier, outerPort),
        ['NewInternalPort', port],
        ['NewInternalClient', formatIp4(this.#parts.uplink.own)],
        ['NewEnabled', 1],
        ['NewPortMappingDescription', 'wow'],
        ['NewLeaseDuration', this.#permanent ? 0 : LIFETIME_S],
      ],
      signal,
    )
    return code
  }

  /** `code`: of the router's error, 0 for none. @throws MappingError, or the signal's reason */
  async #call(
    service: IgdService,
    action: string,
    values: Parameters<typeof soapRequest>[2],
    signal: AbortSignal,
  ): Promise<{ code: number; answer: HttpAnswer }> {
    const answer = await this.#exchange(soapRequest(service, action, values), signal)
    const code = errorIn(answer, action)
    if (code !== undefined) return { code, answer }
    this.#parts.counters.drop('malformed')
    throw new MappingError('silent', `the router's answer to ${action} makes no sense`)
  }

  async #exchange(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const { net, uplink, clock, counters } = this.#parts
    const deadline = { clock, limitMs: HTTP_LIMIT_MS, signals: [signal], late: new Error('no answer over HTTP') }
    try {
      counters.add('asked')
      return await withDeadline(deadline, (limit) => net.exchange(uplink.own, request, limit))
    } catch (error) {
      signal.throwIfAborted()
      throw new MappingError('silent', messageOf(error))
    }
  }
}

/** What names a mapping. */
function mappingOf(carrier: Wish['carrier'], outerPort: number): (readonly [string, string | number])[] {
  return [
    ['NewRemoteHost', ''],
    ['NewExternalPort', outerPort],
    ['NewProtocol', NAMES[carrier]],
  ]
}

function refusal(code: number): MappingError {
  return new MappingError(code === NOT_AUTHORIZED ? 'forbidden' : 'refused', `the router answers with error ${code}`)
}
