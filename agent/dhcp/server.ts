/**
 * One tap's DHCP server (RFC 2131), over the `Leases` interface: the server decides, the DHT remembers.
 *
 * Guarantees:
 * - an address is acknowledged for no longer than the DHT granted its lease;
 * - a client that may no longer use its address gets NAK; while the DHT cannot tell, the client gets silence, so it
 *   keeps its address and asks again;
 * - one message of a client is processed at a time: retransmissions are dropped, and of other messages that arrive
 *   meanwhile the latest follows;
 * - of the messages that come before the ring is ready, each client's latest is kept and answered as soon as it is;
 * - a DISCOVER that finds the pool exhausted, or no majority in the DHT, is retried as long as clients commonly listen.
 */

import type { Clock } from '../core/clock.ts'
import type { Counters } from '../core/counters.ts'
import { messageOf } from '../core/errors.ts'
import { broadcastOf, contains, formatIp4, type Ip4 } from '../core/ip.ts'
import type { Log } from '../core/log.ts'
import type { ClientId, Lease, LeaseFailure, LeaseResult, Leases } from '../lease/lease.ts'
import { clientIdOf, isRetransmission, type Wanted, wantedBy } from './client.ts'
import { ClientQueue, type Job } from './client-queue.ts'
import { ipOption, OPTION } from './options.ts'
import { type DhcpPacket, parseDhcp } from './packet.ts'
import { grant, inform, type NetworkFacts, nak } from './replies.ts'

/** Pauses between attempts while the DHT gives no majority, ms; then the server is silent and the client retries. */
const RETRY_MS = [200, 400, 800, 1_600]
/** How long a client that got no offer still listens for one (isc dhclient's default, dhclient.conf(5)), ms. */
const KEEP_MS = 60_000
/** Pause before a kept DISCOVER is retried: at least this, ms, and at least this multiple of the last pool search. */
const KEEP_PAUSE_MS = 2_000
const KEEP_PAUSE_SHARE = 2
/** How many clients may have messages waiting or in progress at once: a flood of invented MACs stops here. */
const MAX_CLIENTS = 1_024

/** An address was acknowledged to a client. */
export interface Bound {
  readonly lease: Lease
  /** The client extended an address that it already had. */
  readonly renewal: boolean
  /** How many addresses were tried to find this one (paper figure 6); 1 when the client named it. */
  readonly tried: number
}

export interface DhcpServerParts {
  readonly leases: Leases
  readonly facts: NetworkFacts
  /** The lease time that an offer states, ms; the acknowledgement states the time granted. */
  readonly leaseMs: number
  readonly clock: Clock
  readonly counters: Counters
  readonly log: Log
  readonly send: (frame: Uint8Array) => void
}

export class DhcpServer {
  readonly #parts: DhcpServerParts
  readonly #queues = new Map<ClientId, ClientQueue>()
  readonly #kept = new Map<ClientId, Job>()
  readonly #lost = new Map<ClientId, Ip4>()
  readonly #tried = new Map<ClientId, { ip: Ip4; tried: number }>()
  #ready = false
  #stopped = false
  #problem: LeaseFailure | undefined
  #onBound: (bound: Bound) => void = () => {}

  constructor(parts: DhcpServerParts) {
    this.#parts = parts
  }

  get ready(): boolean {
    return this.#ready
  }

  /** Why the last client that asked for an address got none; undefined when it got one. */
  get problem(): LeaseFailure | undefined {
    return this.#problem
  }

  set onBound(handler: (bound: Bound) => void) {
    this.#onBound = handler
  }

  /** Whether the DHT can be used. When it can, the messages that waited are processed. */
  setReady(ready: boolean): void {
    this.#ready = ready
    if (!ready) return
    const kept = [...this.#kept.values()]
    this.#kept.clear()
    for (const job of kept) this.#take(job)
  }

  stop(): void {
    this.#stopped = true
    this.#kept.clear()
  }

  /** The client gets NAK when it next asks to keep this address. */
  leaseLost(lease: Lease): void {
    this.#lost.set(lease.client, lease.ip)
  }

  /** Handles the payload of a UDP packet for port 67; never throws. */
  receive(payload: Uint8Array): void {
    const { counters } = this.#parts
    const packet = parseDhcp(payload)
    if (typeof packet === 'string') {
      counters.drop(packet)
      return
    }
    if (packet.op !== 'request') {
      counters.drop('dhcp-op')
      return
    }
    if (packet.giaddr !== 0) {
      counters.drop('dhcp-relayed')
      return
    }
    counters.add(`dhcp-${packet.type}`)
    if (packet.type === 'inform') {
      this.#inform(packet)
      return
    }
    // The tap reuses the frame's bytes after this call, and the options are views of them.
    const options = new Map([...packet.options].map(([code, value]) => [code, value.slice()] as const))
    const job: Job = { packet: { ...packet, options }, client: clientIdOf(packet) }
    if (this.#ready) this.#take(job)
    else this.#keep(job)
  }

  #keep(job: Job): void {
    if (this.#kept.size >= MAX_CLIENTS && !this.#kept.has(job.client)) {
      this.#parts.counters.drop('dhcp-busy')
      return
    }
    this.#kept.set(job.client, job)
  }

  #take(job: Job): void {
    const queue = this.#queues.get(job.client)
    if (queue !== undefined) {
      if (isRetransmission(queue.current.packet, job.packet)) this.#parts.counters.drop('dhcp-repeated')
      else queue.push(job)
      return
    }
    if (this.#queues.size >= MAX_CLIENTS) {
      this.#parts.counters.drop('dhcp-busy')
      return
    }
    const opened = new ClientQueue(job)
    this.#queues.set(job.client, opened)
    void this.#workOff(opened)
  }

  async #workOff(queue: ClientQueue): Promise<void> {
    const { client } = queue.current
    do {
      try {
        await this.#work(queue)
      } catch (error) {
        this.#parts.counters.drop('dhcp-failed')
        this.#parts.log.error('a DHCP message could not be answered', { client, reason: messageOf(error) })
      }
    } while (!this.#stopped && queue.advance())
    this.#queues.delete(client)
  }

  #work(queue: ClientQueue): Promise<void> | void {
    const { packet, client } = queue.current
    const { leases, counters } = this.#parts
    switch (packet.type) {
      case 'discover':
        return this.#discover(queue)
      case 'request':
        return this.#request(queue)
      case 'release':
        return leases.release(client, packet.ciaddr)
      case 'decline': {
        const ip = ipOption(packet.options, OPTION.requestedAddress)
        return ip === undefined ? counters.drop('dhcp-options') : leases.decline(client, ip)
      }
      default:
        return counters.drop('dhcp-type')
    }
  }

  async #discover(queue: ClientQueue): Promise<void> {
    const { packet, client } = queue.current
    const { leases, facts, leaseMs, log } = this.#parts
    this.#lost.delete(client)
    const wanted = ipOption(packet.options, OPTION.requestedAddress)
    const usable = wanted !== undefined && this.#isAssignable(wanted) ? wanted : undefined
    const ask = () => this.#insist(queue, () => leases.offer(client, packet.chaddr, usable))
    let claim = await ask()
    if (!claim.ok) {
      this.#problem = claim.why
      log.warn('no address to offer', { mac: packet.chaddr, reason: claim.why })
      claim = await this.#keepTrying(queue, ask)
    }
    if (!claim.ok) return
    this.#problem = undefined
    if (this.#tried.size >= MAX_CLIENTS) this.#tried.clear()
    this.#tried.set(client, { ip: claim.ip, tried: claim.tried })
    this.#send('offer', grant(facts, packet, 'offer', claim.ip, leaseMs / 1000))
  }

  async #request(queue: ClientQueue): Promise<void> {
    const { packet, client } = queue.current
    const { leases, facts, counters } = this.#parts
    const wanted = wantedBy(packet)
    if (wanted === undefined) return counters.drop('dhcp-options')
    if (wanted.server !== undefined && wanted.server !== facts.server) return this.#notChosen(client)
    if (!this.#isAssignable(wanted.ip)) return this.#refuse(packet, 'not an address of this network')
    if (this.#lost.get(client) === wanted.ip) {
      this.#lost.delete(client)
      return this.#refuse(packet, 'the address was lost to another node')
    }
    const result = await this.#insist(queue, () => leases.acquire(client, packet.chaddr, wanted.ip))
    if (result.ok) return this.#acknowledge(packet, wanted, result.lease)
    // The address's owner is unknown now: after silence a renewing client keeps its address and asks again.
    if (result.why === 'unavailable') return counters.add('dhcp-unavailable')
    this.#refuse(packet, 'the address is held by another node')
  }

  #acknowledge(packet: DhcpPacket, wanted: Wanted, lease: Lease): void {
    const { clock, facts, counters, log } = this.#parts
    const seconds = Math.floor((lease.expiresAt - clock.now()) / 1000)
    if (seconds < 1) {
      counters.add('dhcp-unavailable')
      return
    }
    this.#problem = undefined
    this.#send('ack', grant(facts, packet, 'ack', lease.ip, seconds))
    const offer = this.#tried.get(lease.client)
    this.#tried.delete(lease.client)
    const renewal = wanted.state === 'renewing'
    log.info('lease acknowledged', { ip: formatIp4(lease.ip), mac: lease.mac, seconds, state: wanted.state })
    this.#onBound({ lease, renewal, tried: offer?.ip === lease.ip ? offer.tried : 1 })
  }

  /** The client took another server's offer: releases ours at once. */
  async #notChosen(client: ClientId): Promise<void> {
    const offer = this.#parts.leases.held().find((lease) => lease.client === client && lease.offered)
    if (offer !== undefined) await this.#parts.leases.release(client, offer.ip)
  }

  #refuse(packet: DhcpPacket, why: string): void {
    this.#send('nak', nak(this.#parts.facts, packet, why))
  }

  #inform(packet: DhcpPacket): void {
    if (packet.ciaddr === 0) {
      this.#parts.counters.drop('dhcp-options')
      return
    }
    this.#send('ack', inform(this.#parts.facts, packet))
  }

  /** Retries an attempt that the DHT could not answer, unless the client sends a newer message. */
  async #insist<T>(queue: ClientQueue, attempt: () => Promise<LeaseResult<T>>): Promise<LeaseResult<T>> {
    let result = await attempt()
    for (const pause of RETRY_MS) {
      if (result.ok || result.why !== 'unavailable' || queue.waiting || this.#stopped) break
      await queue.pause(this.#parts.clock, pause)
      result = await attempt()
    }
    return result
  }

  /** Retries until a lease ends or the DHT finds a majority, the client stops listening, or sends a newer message. */
  async #keepTrying<T>(queue: ClientQueue, ask: () => Promise<LeaseResult<T>>): Promise<LeaseResult<T>> {
    const { clock } = this.#parts
    const end = clock.now() + KEEP_MS
    let tookMs = 0
    for (;;) {
      await queue.pause(clock, Math.max(KEEP_PAUSE_MS, tookMs * KEEP_PAUSE_SHARE))
      const over = clock.now() >= end || queue.waiting || this.#stopped
      if (over) return { ok: false, why: 'unavailable' }
      const startedAt = clock.now()
      const result = await ask()
      if (result.ok) return result
      this.#problem = result.why
      tookMs = result.why === 'pool-exhausted' ? clock.now() - startedAt : 0
    }
  }

  #isAssignable(ip: Ip4): boolean {
    const { pool, server } = this.#parts.facts
    return contains(pool, ip) && ip !== pool.base && ip !== server && ip !== broadcastOf(pool)
  }

  #send(type: 'offer' | 'ack' | 'nak', frame: Uint8Array): void {
    if (this.#stopped) return
    this.#parts.counters.add(`dhcp-${type}`)
    this.#parts.send(frame)
  }
}
