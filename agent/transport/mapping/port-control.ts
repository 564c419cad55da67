/**
 * A port mapping by PCP (RFC 6887), or by NAT-PMP (RFC 6886) where the router knows no PCP: both are asked at one port. A router
 * that knows only NAT-PMP says so at once (RFC 6886 section 3.5); one that does not answer is asked by NAT-PMP all the same.
 */

import { equal, hmac, utf8 } from '../../core/bytes.ts'
import type { Clock } from '../../core/clock.ts'
import type { Counters } from '../../core/counters.ts'
import { formatIp4, type Ip4 } from '../../core/ip.ts'
import type { Random } from '../../core/random.ts'
import { udpEndpoint } from '../../underlay/udp-endpoint.ts'
import { Asker } from './asker.ts'
import { CONTROL_PORT, LIFETIME_S, NAT_PMP_WAITS_MS, PCP_JITTER, PCP_WAITS_MS } from './constants.ts'
import { RouterEpoch } from './epoch.ts'
import { type AddressResponse, addressRequest, type MappingResponse, mappingRequest, readNatPmp } from './nat-pmp.ts'
import { isOtherVersion, type MapResponse, mapRequest, NONCE_BYTES, readMapResponse } from './pcp.ts'
import { type Grant, MappingError, type MappingNet, type MappingWay, type Uplink, type Wish } from './ways.ts'

export interface WayParts {
  readonly net: MappingNet
  readonly uplink: Uplink
  /** Makes the nonces of this node's mappings; only this node knows it. */
  readonly secret: Uint8Array
  readonly clock: Clock
  readonly random: Random
  readonly counters: Counters
}

/** Result codes (RFC 6887 section 7.4, RFC 6886 section 3.5). */
const NOT_AUTHORIZED = 2
/** The answer of a router that knows no PCP, or another version. */
const OTHER_VERSION = { isOtherVersion: true } as const
const ANY_IP = 0 as Ip4
const NONCE_LABEL = 'wow port mapping 1'

export class PortControl implements MappingWay {
  readonly #parts: WayParts
  readonly #asker: Asker
  readonly #epoch: RouterEpoch
  #protocol: 'pcp' | 'nat-pmp' = 'pcp'

  /** @throws the system's error when there can be no socket */
  static async open(parts: WayParts): Promise<PortControl> {
    const { own, gateway } = parts.uplink
    return new PortControl(parts, await parts.net.openSocket(own, { ip: gateway, port: CONTROL_PORT }))
  }

  private constructor(parts: WayParts, socket: Awaited<ReturnType<MappingNet['openSocket']>>) {
    const { clock, counters } = parts
    this.#parts = parts
    const to = udpEndpoint(formatIp4(parts.uplink.gateway), CONTROL_PORT)!
    this.#asker = new Asker({ socket, to, isRouter: (from) => from === to, clock, counters })
    this.#epoch = new RouterEpoch(clock)
  }

  get protocol(): 'pcp' | 'nat-pmp' {
    return this.#protocol
  }

  /** @throws MappingError, or the signal's reason */
  async map(wish: Wish, signal: AbortSignal): Promise<Grant> {
    return await this.#ask(wish, LIFETIME_S, signal)
  }

  /** @throws MappingError, or the signal's reason */
  async unmap(wish: Wish, signal: AbortSignal): Promise<void> {
    await this.#ask(wish, 0, signal)
  }

  close(): void {
    this.#asker.close()
  }

  async #ask(wish: Wish, lifetimeS: number, signal: AbortSignal): Promise<Grant> {
    if (this.#protocol === 'pcp') {
      const grant = await this.#pcp(wish, lifetimeS, signal)
      if (grant !== undefined) return grant
      this.#protocol = 'nat-pmp'
    }
    return await this.#natPmp(wish, lifetimeS, signal)
  }

  /** undefined when the router does not speak PCP, as far as one can tell. @throws MappingError, or the signal's reason */
  async #pcp(wish: Wish, lifetimeS: number, signal: AbortSignal): Promise<Grant | undefined> {
    const nonce = this.#nonceOf(wish)
    const datagram = mapRequest({
      carrier: wish.carrier,
      nonce,
      own: this.#parts.uplink.own,
      port: wish.port,
      outerPort: lifetimeS === 0 ? 0 : wish.outerPort,
      outerIp: lifetimeS === 0 ? ANY_IP : (wish.outerIp ?? ANY_IP),
      lifetimeS,
    })
    const jitter = () => 1 + PCP_JITTER * (2 * this.#parts.random.float() - 1)
    const waitsMs = PCP_WAITS_MS.map((ms) => ms * jitter())
    const read = (bytes: Uint8Array) => readAnswer(bytes, { ...wish, nonce, lifetimeS })
    let answer: MapResponse | typeof OTHER_VERSION
    try {
      answer = await this.#asker.ask({ datagram, waitsMs, read }, signal)
    } catch (error) {
      // A router may drop what it does not know. Where nobody listens, nobody speaks NAT-PMP either.
      if (error instanceof MappingError && error.failure === 'silent') return undefined
      throw error
    }
    if ('isOtherVersion' in answer) return undefined
    this.#noteEpoch(answer.epochS)
    if (answer.result !== 0) throw refusal(answer.result, answer.lifetimeS)
    return { ip: answer.outerIp, port: answer.outerPort, lifetimeS: answer.lifetimeS }
  }

  /** @throws MappingError, or the signal's reason */
  async #natPmp({ carrier, port, outerPort }: Wish, lifetimeS: number, signal: AbortSignal): Promise<Grant> {
    const mapping = mappingRequest(carrier, port, lifetimeS === 0 ? 0 : outerPort, lifetimeS)
    const made = await this.#askNatPmp<MappingResponse>(mapping, carrier, port, signal)
    if (lifetimeS === 0) return { ip: ANY_IP, port: 0, lifetimeS }
    const { ip } = await this.#askNatPmp<AddressResponse>(addressRequest(), 'address', port, signal)
    if (ip === ANY_IP || made.outerPort === 0 || made.lifetimeS === 0) throw new MappingError('refused', 'it has none')
    return { ip, port: made.outerPort, lifetimeS: made.lifetimeS }
  }

  /** @throws MappingError, or the signal's reason */
  async #askNatPmp<Wanted extends AddressResponse | MappingResponse>(
    datagram: Uint8Array,
    kind: Wanted['kind'],
    port: number,
    signal: AbortSignal,
  ): Promise<Wanted> {
    const read = (bytes: Uint8Array) => {
      const answer = readNatPmp(bytes)
      if (answer === undefined) return 'malformed'
      if ((answer.kind === 'error' ? answer.to : answer.kind) !== kind) return 'other-question'
      return 'port' in answer && answer.port !== port ? 'other-question' : answer
    }
    const answer = await this.#asker.ask({ datagram, waitsMs: NAT_PMP_WAITS_MS, read }, signal)
    this.#noteEpoch(answer.epochS)
    if (answer.kind === 'error') throw refusal(answer.result, 0)
    return answer as Wanted
  }

  /** A mapping that the router lost is made again by the request that showed it: each one names it whole. */
  #noteEpoch(epochS: number): void {
    if (this.#epoch.note(epochS)) this.#parts.counters.add('router-restarts')
  }

  /**
   * Made of the secret, so that an agent that was killed gets its own mapping again: with another nonce it would be refused until the
   * mapping ends (RFC 6887 section 11.3).
   */
  #nonceOf({ carrier, port }: Wish): Uint8Array {
    const what = utf8(`${NONCE_LABEL} ${carrier} ${formatIp4(this.#parts.uplink.own)}:${port}`)
    return hmac(this.#parts.secret, what).subarray(0, NONCE_BYTES)
  }
}

/** The answer to a request by PCP, or why `bytes` are none. */
function readAnswer(
  bytes: Uint8Array,
  asked: Pick<MapResponse, 'carrier' | 'port' | 'nonce' | 'lifetimeS'>,
): MapResponse | typeof OTHER_VERSION | string {
  if (isOtherVersion(bytes)) return OTHER_VERSION
  const answer = readMapResponse(bytes)
  if (answer === undefined) return 'malformed'
  if (answer.carrier !== asked.carrier || answer.port !== asked.port) return 'other-question'
  if (!equal(answer.nonce, asked.nonce)) return 'nonce'
  const isWhole = answer.outerPort !== 0 && answer.outerIp !== ANY_IP && answer.lifetimeS > 0
  return answer.result !== 0 || asked.lifetimeS === 0 || isWhole ? answer : 'malformed'
}

/** Both protocols have the same number for what the router's owner does not want. */
function refusal(result: number, forS: number): MappingError {
  const failure = result === NOT_AUTHORIZED ? 'forbidden' : 'refused'
  return new MappingError(failure, `the router answers with error ${result}`, forS)
}
