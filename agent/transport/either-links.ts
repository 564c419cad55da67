/**
 * One link layer of two: UDP, and TCP for networks that block UDP and for nodes that speak no UDP.
 *
 * A node that has endpoints of both kinds is dialled over UDP first, and over TCP a little later or as soon as UDP has
 * failed ("happy eyeballs", RFC 8305). An endpoint that a user gave stands for both kinds, whichever it names. Nothing tells
 * yet whether UDP gets through, and the user waits: TCP comes after `LEAST_HEAD_START_MS` at most. A name that a user gave
 * stands for all endpoints that it leads to; the first other node that answers is taken.
 */

import type { Clock, Timer } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Address } from '../overlay/address.ts'
import type { Carrier, Contact, Link, LinkLayer } from '../overlay/link.ts'
import { isGivenName } from '../rendezvous/given-name.ts'
import type { GivenNames } from '../rendezvous/given-names.ts'
import {
  GIVEN_UDP_ALONE_MS,
  LEAST_HEAD_START_MS,
  MAX_ENDPOINTS,
  NAMED_HEAD_START_MS,
  RELAY_SLOTS,
  UDP_ALONE_MS,
} from './constants.ts'
import { over, parseEndpoint, readEndpoint } from './endpoints.ts'
import { LinkError } from './errors.ts'
import { HeadStart } from './head-start.ts'
import { type Attempt, race } from './race.ts'

export interface EitherLinksParts {
  readonly udp: LinkLayer
  /** Of the same identity. */
  readonly tcp: LinkLayer
  readonly names: GivenNames
  readonly clock: Clock
}

export class EitherLinks implements LinkLayer {
  readonly self: Address
  readonly #udp: LinkLayer
  readonly #tcp: LinkLayer
  readonly #names: GivenNames
  readonly #clock: Clock
  readonly #headStart = new HeadStart()
  #linkHandler: ((link: Link) => void) | undefined

  constructor({ udp, tcp, names, clock }: EitherLinksParts) {
    this.self = tcp.self
    this.#udp = udp
    this.#tcp = tcp
    this.#names = names
    this.#clock = clock
  }

  set onLink(handler: (link: Link) => void) {
    this.#linkHandler = handler
    this.#udp.onLink = handler
    this.#tcp.onLink = handler
  }

  set onDiscovered(handler: (endpoint: string) => void) {
    this.#udp.onDiscovered = handler
    this.#tcp.onDiscovered = handler
  }

  set onEndpoints(handler: () => void) {
    this.#udp.onEndpoints = handler
    this.#tcp.onEndpoints = handler
  }

  isGuarded(contact: Contact): boolean {
    return this.#udp.isGuarded(contact) || this.#tcp.isGuarded(contact)
  }

  needs(peer: Address): boolean {
    return this.#udp.needs(peer) || this.#tcp.needs(peer)
  }

  /** Of both kinds, in turns; at the end one relay of each stays in. */
  endpoints(): string[] {
    const isRelayed = (text: string) => readEndpoint(text)?.relayed === true
    const both = inTurns(this.#udp.endpoints(), this.#tcp.endpoints())
    const relayed = both.filter(isRelayed).slice(0, RELAY_SLOTS)
    return [...both.filter((text) => !isRelayed(text)).slice(0, MAX_ENDPOINTS - relayed.length), ...relayed]
  }

  prove(nonce: Uint8Array): Uint8Array {
    return this.#tcp.prove(nonce)
  }

  isOwnProof(nonce: Uint8Array, proof: Uint8Array): boolean {
    return this.#tcp.isOwnProof(nonce, proof)
  }

  /** @throws LinkError */
  dial(contact: Contact, signal?: AbortSignal): Promise<Link> {
    return this.#either(contact, signal, (layer, given) => layer.dial(contact, given))
  }

  isImprovable(standing: Link, endpoints: readonly string[]): boolean {
    return standing.relayed || (standing.carrier === 'tcp' && endpoints.some(isOverUdp))
  }

  /** @throws LinkError */
  dialBetter(contact: Contact, standing: Link, signal?: AbortSignal): Promise<Link> {
    // A direct link over TCP is good enough until there is one over UDP.
    if (!standing.relayed) return this.#udp.dialBetter(contact, standing, signal)
    return this.#either(contact, signal, (layer, given) => layer.dialBetter(contact, standing, given))
  }

  /** Over UDP and TCP, at the same host and port. @throws LinkError, WowError for a name, InputError when it is malformed */
  async dialEndpoint(endpoint: string, signal?: AbortSignal): Promise<Link> {
    if (isGivenName(endpoint)) return await this.#dialNamed(endpoint, signal)
    const given = parseEndpoint(endpoint)
    const [udp, tcp] = [over('udp', given), over('tcp', given)]
    if (udp === undefined) return await this.#tcp.dialEndpoint(endpoint, signal)
    if (tcp === undefined) return await this.#udp.dialEndpoint(endpoint, signal)
    const patience = {
      headStartMs: Math.min(this.#headStart.ms, LEAST_HEAD_START_MS),
      udpAloneMs: GIVEN_UDP_ALONE_MS,
    }
    const dial: Dial = (layer, limit) => layer.dialEndpoint((layer === this.#udp ? udp : tcp).text, limit)
    return await this.#measured(dial, signal, patience)
  }

  /** Over UDP if this node and the relay are linked so, else over TCP. @throws LinkError */
  async dialThrough(relay: Address, contact: Contact, signal?: AbortSignal): Promise<Link> {
    const dial: Dial = (layer, given) => layer.dialThrough(relay, contact, given)
    const { link } = await this.#first(dial, signal, this.#patience())
    return link
  }

  async stop(): Promise<void> {
    await Promise.all([this.#udp.stop(), this.#tcp.stop()])
  }

  /** The first other node of those that a name leads to. @throws WowError, or the signal's reason */
  async #dialNamed(name: string, signal = new AbortController().signal): Promise<Link> {
    const attempts = (await this.#names.endpoints(name)).map((endpoint) => ({
      headStart: NAMED_HEAD_START_MS,
      run: async (limit: AbortSignal) => {
        const link = await this.dialEndpoint(endpoint, limit)
        if (link.peer !== this.self) return link
        link.close()
        throw new LinkError('self', `${endpoint} is this node.`)
      },
    }))
    try {
      return await race(attempts, { clock: this.#clock, signal, discard: (late) => late.close() })
    } catch (error) {
      if (!(error instanceof AggregateError)) throw error
      throw new LinkError('unreachable', `None of the nodes that ${name} leads to answers.`, { cause: error })
    }
  }

  async #either(contact: Contact, signal: AbortSignal | undefined, dial: Dial): Promise<Link> {
    const carriers = new Set(contact.endpoints.map((text) => readEndpoint(text)?.carrier))
    if (!carriers.has('udp')) return await dial(this.#tcp, signal)
    if (!carriers.has('tcp')) return await dial(this.#udp, signal)
    return await this.#measured(dial, signal, this.#patience())
  }

  #patience(): Patience {
    return { headStartMs: this.#headStart.ms, udpAloneMs: UDP_ALONE_MS }
  }

  /** The first link of the two, and learns how long TCP should wait for UDP. @throws LinkError, or the signal's reason */
  async #measured(dial: Dial, signal: AbortSignal | undefined, patience: Patience): Promise<Link> {
    const startedAt = this.#clock.now()
    const { carrier, link } = await this.#first(dial, signal, patience)
    if (carrier === 'udp') this.#headStart.udpWon(this.#clock.now() - startedAt)
    else this.#headStart.udpLost()
    return link
  }

  /** The first link of the two. @throws LinkError, or the signal's reason */
  async #first(
    dial: Dial,
    signal = new AbortController().signal,
    { headStartMs, udpAloneMs }: Patience,
  ): Promise<{ carrier: Carrier; link: Link }> {
    // TCP is told when nobody listens, UDP is not: when TCP has failed, UDP does not wait out its whole limit.
    const udpEnd = new AbortController()
    let timer: Timer | undefined
    const overUdp = async (given: AbortSignal) => {
      given.addEventListener('abort', () => udpEnd.abort(given.reason))
      return await dial(this.#udp, udpEnd.signal)
    }
    const overTcp = async (given: AbortSignal) => {
      try {
        return await dial(this.#tcp, given)
      } catch (error) {
        timer = this.#clock.after(udpAloneMs, () => udpEnd.abort(NO_ANSWER))
        throw error
      }
    }
    const attempts: Attempt<{ carrier: Carrier; link: Link }>[] = [
      { headStart: 0, run: async (given) => ({ carrier: 'udp', link: await overUdp(given) }) },
      { headStart: headStartMs, run: async (given) => ({ carrier: 'tcp', link: await overTcp(given) }) },
    ]
    try {
      return await race(attempts, { clock: this.#clock, signal, discard: ({ link }) => this.#second(link) })
    } catch (error) {
      throw error instanceof AggregateError ? explain(error.errors) : error
    } finally {
      timer?.cancel()
    }
  }

  /** A dial brought two links. The peer may use either already, so the owner chooses, as of any two. */
  #second(link: Link): void {
    if (this.#linkHandler === undefined) link.close()
    else this.#linkHandler(link)
  }
}

const NO_ANSWER = new LinkError('unreachable', 'No answer over UDP.')

interface Patience {
  /** How long TCP waits for UDP. */
  readonly headStartMs: number
  /** How long UDP goes on after TCP has failed. */
  readonly udpAloneMs: number
}

type Dial = (layer: LinkLayer, signal: AbortSignal | undefined) => Promise<Link>

function isOverUdp(text: string): boolean {
  return readEndpoint(text)?.carrier === 'udp'
}

function inTurns(first: readonly string[], second: readonly string[]): string[] {
  const longest = Math.max(first.length, second.length)
  return Array.from({ length: longest }, (_, i) => [first[i], second[i]])
    .flat()
    .filter((text) => text !== undefined)
}

/** The more telling of two failures, with both reasons. */
function explain(errors: readonly unknown[]): LinkError {
  const failures = errors.filter((error) => error instanceof LinkError)
  const telling = failures.find(({ failure }) => failure !== 'unreachable')
  return new LinkError(telling?.failure ?? 'unreachable', errors.map(messageOf).join(' '), { cause: errors[0] })
}
