/**
 * Direct links where one NAT gives each far end another port ("symmetric", mapping `random`) and the other lets in only whom
 * it has sent to: no punch at a known port works. The side behind the first opens many sockets (a fan), the other sends
 * probes to random ports (underlay/socket-fan.ts). They agree on it over the relayed link that they have, once it carries
 * data: what the ring says is little, and as well relayed.
 *
 * Guarantees: a node takes part in one fan at a time, on either side, so it sends at most `PROBES_PER_S`. A peer has it send
 * probes once in `SPRAY_SPACING_MS`, to an address that may be dialled. The relayed link stays in use all the while.
 */

import { Backoff } from '../../core/backoff.ts'
import type { Clock } from '../../core/clock.ts'
import type { Counters } from '../../core/counters.ts'
import { within } from '../../core/deadline.ts'
import type { Random } from '../../core/random.ts'
import type { Address } from '../../overlay/address.ts'
import { FAN_LIMIT_MS } from '../../underlay/constants.ts'
import type { DatagramSocket, UdpEndpoint } from '../../underlay/datagrams.ts'
import { NONCE_BYTES } from '../../underlay/packets.ts'
import type { SideSockets } from '../../underlay/side-sockets.ts'
import { fanOut, type Hit, spray } from '../../underlay/socket-fan.ts'
import { ipOf, parseUdpEndpoint } from '../../underlay/udp-endpoint.ts'
import { AIM_LIMIT_MS, FAN_AFTER_MS, FAN_AGAIN_MAX_MS, FAN_AGAIN_MIN_MS, SPRAY_SPACING_MS } from '../constants.ts'
import type { UdpLink } from './link.ts'
import type { OuterEndpoints } from './outer-endpoints.ts'
import type { FanWord } from './words.ts'

/** How often a fan is checked, ms. */
const LOOK_MS = 100

/** A socket beside the main one; `handle` is for the tables of a fast path. */
export type SideSocket = DatagramSocket & { readonly port: number; readonly handle?: object | undefined }

/** Opens sockets beside the main one. */
export interface SideOpener {
  /** One at a port that the system chooses. */
  open(): Promise<SideSocket>
  /** What stays of it for good: a socket at the same port. */
  keep(socket: SideSocket): Promise<SideSocket>
}

export interface HardNatsParts {
  readonly self: Address
  readonly clock: Clock
  readonly random: Random
  readonly counters: Counters
  readonly outer: Pick<OuterEndpoints, 'dealt' | 'steady'>
  readonly socket: SideSockets<SideSocket>
  readonly opener: SideOpener
  /** Whether others may have this node send to an IPv4 address; false for what is none. */
  readonly admits: (ip: string) => boolean
  readonly hasDirect: (peer: Address) => boolean
  /** A direct link to the peer at an endpoint. */
  readonly link: (to: UdpEndpoint, peer: Address, signal: AbortSignal) => Promise<UdpLink | undefined>
}

export class HardNats {
  readonly #parts: HardNatsParts
  /** Links that a fan would make direct, the newest last. */
  readonly #wanted = new Set<UdpLink>()
  readonly #backoffs = new WeakMap<UdpLink, Backoff>()
  /** When peers last had this node send probes. */
  readonly #sprayed = new Map<Address, number>()
  #busy = false
  /** The fan that waits for its peer's answer. */
  #asked: { readonly link: UdpLink; readonly answer: (endpoint: string) => void } | undefined
  readonly #stopping = new AbortController()

  constructor(parts: HardNatsParts) {
    this.#parts = parts
  }

  /** A relayed link carries data. A punch has been tried when its turn comes. */
  onData(link: UdpLink): void {
    const { clock, self, outer } = this.#parts
    // Where neither knows which NAT it is, one tries after the other.
    const isFirst = outer.dealt?.isSure === true || self < link.peer
    clock.after(isFirst ? FAN_AFTER_MS : FAN_AFTER_MS + AIM_LIMIT_MS + FAN_LIMIT_MS, () => this.#want(link))
  }

  /** The peer of a relayed link says something about a fan. */
  onWord(link: UdpLink, word: FanWord): void {
    if (word.kind === 'fan') this.#spray(link, word.ip, word.nonce)
    else if (this.#asked?.link === link) this.#asked.answer(word.endpoint)
  }

  stop(): void {
    this.#stopping.abort()
    this.#wanted.clear()
  }

  #want(link: UdpLink): void {
    if (!this.#isWorthwhile(link)) return
    this.#wanted.add(link)
    this.#next()
  }

  #isWorthwhile(link: UdpLink): boolean {
    const { outer, socket, hasDirect } = this.#parts
    if (this.#stopping.signal.aborted || !link.isOpen || hasDirect(link.peer)) return false
    return outer.dealt !== undefined && socket.hasRoom
  }

  #next(): void {
    if (this.#busy) return
    const link = [...this.#wanted].at(-1)
    if (link === undefined) return
    this.#wanted.delete(link)
    if (this.#isWorthwhile(link)) void this.#occupy(() => this.#fan(link))
    else this.#next()
  }

  async #occupy(work: () => Promise<void>): Promise<void> {
    this.#busy = true
    try {
      await work()
    } finally {
      this.#busy = false
      this.#next()
    }
  }

  async #fan(link: UdpLink): Promise<void> {
    const { clock, random, counters, opener } = this.#parts
    const nonce = random.bytes(NONCE_BYTES)
    const to = await this.#aim(link, nonce)
    if (to === undefined) {
      this.#again(link)
      return
    }
    counters.add('fans')
    const over = this.#untilDirect(link)
    try {
      const hit = await fanOut({ openSocket: () => opener.open(), to, nonce, clock }, over.signal)
      if (hit !== undefined) await this.#use(link, hit)
      if (hit === undefined && link.isOpen) this.#again(link)
    } catch {
      // This machine has no more sockets.
      counters.drop('fan-failed')
    } finally {
      over.cancel()
    }
  }

  /** Asks the peer to send probes. Returns where it sends from; undefined when it does not. */
  async #aim(link: UdpLink, nonce: Uint8Array): Promise<UdpEndpoint | undefined> {
    const { clock, outer, admits } = this.#parts
    const answer = new Promise<string>((resolve) => {
      this.#asked = { link, answer: resolve }
    })
    link.say({ kind: 'fan', ip: outer.dealt?.ip ?? '', nonce })
    const late = () => new Error('no answer')
    const text = await within(clock, AIM_LIMIT_MS, answer, late).catch(() => '')
    this.#asked = undefined
    const endpoint = parseUdpEndpoint(text)
    return endpoint !== undefined && admits(ipOf(endpoint)) ? endpoint : undefined
  }

  /** Has the link to the peer run over the socket that hears it. */
  async #use({ peer }: UdpLink, { socket, from }: Hit<SideSocket>): Promise<void> {
    const { socket: all, opener, link, counters } = this.#parts
    all.add(from, await opener.keep(socket))
    const direct = await link(from, peer, this.#stopping.signal).catch(() => undefined)
    if (direct === undefined) all.remove(from)
    else {
      counters.add('fans-hit')
      void direct.released.then(() => all.remove(from))
    }
  }

  #again(link: UdpLink): void {
    const backoff = this.#backoffs.get(link) ?? new Backoff({ minMs: FAN_AGAIN_MIN_MS, maxMs: FAN_AGAIN_MAX_MS })
    this.#backoffs.set(link, backoff)
    this.#parts.clock.after(backoff.next(), () => this.#want(link))
  }

  /** The peer's NAT gives each far end another port: sends probes to them. */
  #spray(link: UdpLink, ip: string, nonce: Uint8Array): void {
    const { clock, random, outer, socket, admits, hasDirect, counters } = this.#parts
    for (const [peer, at] of this.#sprayed) if (clock.now() - at >= SPRAY_SPACING_MS) this.#sprayed.delete(peer)
    const from = outer.steady
    const isFit = from !== undefined && !this.#sprayed.has(link.peer) && admits(ip) && !hasDirect(link.peer)
    if (!isFit || this.#busy || this.#stopping.signal.aborted) {
      link.say({ kind: 'aim', endpoint: '' })
      return
    }
    this.#sprayed.set(link.peer, clock.now())
    link.say({ kind: 'aim', endpoint: from })
    counters.add('sprays')
    const over = this.#untilDirect(link)
    void this.#occupy(() => spray({ socket, ip, nonce, clock, random }, over.signal).finally(() => over.cancel()))
  }

  /** Ends when there is a direct link, or the link is gone, or this node stops. */
  #untilDirect(link: UdpLink): { readonly signal: AbortSignal; cancel(): void } {
    const { clock, hasDirect } = this.#parts
    const over = new AbortController()
    const look = () => {
      if (!link.isOpen || hasDirect(link.peer) || this.#stopping.signal.aborted) over.abort()
      else timer = clock.after(LOOK_MS, look)
    }
    let timer = clock.after(LOOK_MS, look)
    return { signal: over.signal, cancel: () => timer.cancel() }
  }
}
