/**
 * Recursive greedy routing (paper section 4): each node forwards a request to the linked node closest to the target,
 * and the answer returns the same way.
 *
 * Guarantees: every request that starts here ends exactly once, with an answer or a `DeliveryError`. After its first
 * hop a request goes only to nodes strictly closer to the target, so it cannot circle. When a link goes down, every
 * request that waits behind it fails at once. The node before a silent link is the first to give up, and from then on
 * it routes round that link.
 */

import type { Clock, Timer } from '../core/clock.ts'
import { DecodeError } from '../core/codec.ts'
import { messageOf } from '../core/errors.ts'
import { RoundTrip } from '../core/round-trip.ts'
import { type Address, isCloser } from './address.ts'
import {
  ANSWER_SLACK,
  FIRST_ROUTED_ROUND_TRIP_MS,
  HOP_LIMIT,
  HOP_PATIENCE,
  MAX_FORWARDED_ANSWER,
  MAX_FORWARDED_REQUEST,
  MAX_FORWARDS,
  MAX_FORWARDS_PER_LINK,
  MAX_PATIENCE_MS,
  REQUEST_TIMEOUT_MS,
} from './constants.ts'
import type { Priority } from './link.ts'
import { LinkShares } from './link-shares.ts'
import type { Frame, FrameOf } from './messages.ts'
import { OverdueRequests } from './overdue-requests.ts'
import {
  type Answer,
  DeliveryError,
  type DeliveryFailure,
  Refusal,
  type RequestHandler,
  type RequestOptions,
} from './overlay.ts'
import type { Peer, Peers } from './peers.ts'

type RequestFrame = FrameOf<'request'>
type Result = { ok: true; answer: Answer } | { ok: false; failure: DeliveryFailure; detail: string }

interface Waiting {
  readonly nextHop: Address
  /** The peer that the request came from; this node for its own. */
  readonly via: Address
  readonly timer: Timer
  readonly finish: (result: Result) => void
}

export class Router {
  readonly #self: Address
  readonly #peers: Peers
  readonly #clock: Clock
  readonly #isChosen: (peer: Address) => boolean
  readonly #send: (to: Address, frame: Frame, priority?: Priority) => boolean
  readonly #onSilence: (peer: Address) => void
  readonly #onFault: (error: unknown) => void
  readonly #handlers = new Map<number, RequestHandler>()
  readonly #waiting = new Map<number, Waiting>()
  readonly #forwards = new LinkShares({ all: MAX_FORWARDS, perLink: MAX_FORWARDS_PER_LINK })
  readonly #overdue: OverdueRequests
  /** Round trips of this node's requests through the ring. */
  readonly #routed = new RoundTrip({ firstMs: FIRST_ROUTED_ROUND_TRIP_MS, longestMs: MAX_PATIENCE_MS })
  #nextId = 1

  constructor(parts: {
    self: Address
    peers: Peers
    clock: Clock
    /** Whether this node itself wants the link. Requests go over no other link, or strangers could dial in and take them. */
    isChosen: (peer: Address) => boolean
    send: (to: Address, frame: Frame, priority?: Priority) => boolean
    /** No answer came over a link in time. */
    onSilence: (peer: Address) => void
    /** A handler failed through our own fault, which should be logged. */
    onFault: (error: unknown) => void
  }) {
    this.#self = parts.self
    this.#peers = parts.peers
    this.#clock = parts.clock
    this.#isChosen = parts.isChosen
    this.#send = parts.send
    this.#onSilence = parts.onSilence
    this.#onFault = parts.onFault
    this.#overdue = new OverdueRequests(parts.clock)
  }

  serve(service: number, handler: RequestHandler): void {
    this.#handlers.set(service, handler)
  }

  async request(service: number, target: Address, body: Uint8Array, options: RequestOptions = {}): Promise<Answer> {
    const linked = this.#linked(target, options)
    const request: RequestFrame = {
      kind: 'request',
      id: 0,
      source: this.#self,
      target,
      delivery: options.delivery ?? 'closest',
      service,
      hops: 0,
      patienceMs: Math.ceil(this.#patienceMs(linked, options)),
      body,
    }
    const askedAt = this.#clock.now()
    const result = await new Promise<Result>((resolve) => {
      if (options.through === undefined) this.#route(request, this.#self, resolve)
      else this.#forward(request, this.#self, options.through, resolve)
    })
    if (result.ok) {
      const roundTrip = linked?.answers ?? this.#routed
      if (result.answer.from !== this.#self) roundTrip.observe(this.#clock.now() - askedAt)
      return result.answer
    }
    if (result.failure === 'no-answer' && linked === undefined) this.#routed.expire()
    throw new DeliveryError(result.failure, result.detail)
  }

  /** How long to wait for an answer, ms: the caller's time, or longer where measured round trips are longer. */
  #patienceMs(linked: Peer | undefined, options: RequestOptions): number {
    const least = options.timeoutMs ?? REQUEST_TIMEOUT_MS
    const measured =
      linked === undefined
        ? this.#routed.timeoutMs
        : Math.max(ANSWER_SLACK * linked.roundTrip.timeoutMs, linked.answers.timeoutMs)
    return Math.min(Math.max(least, measured), MAX_PATIENCE_MS)
  }

  /** The target, if a request reaches it over one link. */
  #linked(target: Address, { delivery, through }: RequestOptions): Peer | undefined {
    return delivery === 'exact' && through === undefined ? this.#peers.get(target) : undefined
  }

  /** See `Overlay.routedTimeoutMs`. */
  get routedTimeoutMs(): number {
    return this.#routed.timeoutMs
  }

  /** A request that a linked node handed on. */
  onRequest(from: Address, request: RequestFrame): void {
    const finish = (result: Result) => {
      if (result.ok) this.#send(from, { kind: 'answer', id: request.id, ...result.answer })
      else {
        const detail = result.detail.slice(0, 80)
        this.#send(from, { kind: 'failure', id: request.id, failure: result.failure, detail })
      }
    }
    // A request never comes back to its source: this one would be forwarded in this node's name.
    const patienceMs = Math.min(request.patienceMs, MAX_PATIENCE_MS)
    if (request.source !== this.#self) this.#route({ ...request, patienceMs }, from, finish)
    else finish({ ok: false, failure: 'refused', detail: 'the source of this request is the node that it came to' })
  }

  onAnswer(from: Address, { id, from: responder, hops, body }: FrameOf<'answer'>): void {
    const overdueMs = this.#overdue.answered(id, from)
    if (overdueMs !== undefined) this.#peers.get(from)?.answers.observe(overdueMs)
    this.#settle(from, id, { ok: true, answer: { from: responder, hops, body } })
  }

  onFailure(from: Address, { id, failure, detail }: FrameOf<'failure'>): void {
    this.#settle(from, id, { ok: false, failure, detail })
  }

  /** Requests that wait for an answer over this link will not get one. */
  onUnlinked(peer: Address): void {
    for (const [id, waiting] of this.#waiting) {
      if (waiting.nextHop === peer) {
        this.#settle(peer, id, { ok: false, failure: 'no-answer', detail: 'the link to the next hop closed' })
      }
    }
  }

  stop(): void {
    for (const [id, { nextHop }] of this.#waiting) {
      this.#settle(nextHop, id, { ok: false, failure: 'no-answer', detail: 'this node stopped' })
    }
  }

  /** The peer to forward a request to; undefined when none is closer than this node. */
  nextHop(target: Address, delivery: 'closest' | 'exact', source: Address): Address | undefined {
    if (delivery === 'exact' && this.#peers.has(target)) return target
    // A node that looks up its own place must not be the answer, neither here nor on the way.
    const seeksPlace = source === target && delivery === 'closest'
    const start = seeksPlace && source === this.#self ? undefined : this.#self
    return this.#closest(target, start, seeksPlace)
  }

  /** The closest of the peers that are closer than `start`; a suspect one only when there is no other. */
  #closest(target: Address, start: Address | undefined, seeksPlace: boolean): Address | undefined {
    let [best, suspect] = [start, start]
    for (const { address, status, suspectSince } of this.#peers.all()) {
      const isHop = status?.joined === true && this.#isChosen(address) && !this.#peers.isShunned(address)
      const eligible = address === target ? !seeksPlace : isHop
      if (!eligible) continue
      if (suspectSince === undefined) best = closerOf(target, address, best)
      else suspect = closerOf(target, address, suspect)
    }
    if (best !== start) return best
    return suspect === start ? undefined : suspect
  }

  #route(request: RequestFrame, via: Address, finish: (result: Result) => void): void {
    const next = this.nextHop(request.target, request.delivery, request.source)
    if (next !== undefined) this.#forward(request, via, next, finish)
    else if (request.delivery === 'exact' && request.target !== this.#self) {
      finish({ ok: false, failure: 'no-route', detail: 'the target is not on the ring' })
    } else void this.#answer(request, via).then(finish)
  }

  #forward(request: RequestFrame, via: Address, next: Address, finish: (result: Result) => void): void {
    if (request.hops >= HOP_LIMIT) {
      finish({ ok: false, failure: 'no-route', detail: `more than ${HOP_LIMIT} hops` })
      return
    }
    const isOwn = via === this.#self
    if (!isOwn && request.body.length > MAX_FORWARDED_REQUEST) {
      finish({ ok: false, failure: 'refused', detail: 'the request is too large to be forwarded' })
      return
    }
    if (!isOwn && !this.#forwards.take(via)) {
      finish({ ok: false, failure: 'no-answer', detail: 'a node on the way is overloaded' })
      return
    }
    const id = this.#takeId()
    const askedAt = this.#clock.now()
    const timer = this.#clock.after(request.patienceMs, () => {
      this.#onSilence(next)
      if (isOwn && next === request.target) this.#overdue.add(id, next, askedAt)
      this.#settle(next, id, { ok: false, failure: 'no-answer', detail: `no answer within ${request.patienceMs} ms` })
    })
    this.#waiting.set(id, { nextHop: next, via, timer, finish })
    const patienceMs = Math.floor(request.patienceMs * HOP_PATIENCE)
    if (!this.#send(next, { ...request, id, hops: request.hops + 1, patienceMs }, this.#priorityOf(via))) {
      this.#settle(next, id, { ok: false, failure: 'no-answer', detail: 'the link to the next hop is down' })
    }
  }

  /** A full link drops strangers' forwarded requests first, so that they cannot close a link between others. */
  #priorityOf(via: Address): Priority {
    const from = this.#peers.get(via)
    return via === this.#self || from?.status?.joined === true ? 'control' : 'bulk'
  }

  #takeId(): number {
    do this.#nextId = this.#nextId === 0xffffffff ? 1 : this.#nextId + 1
    while (this.#waiting.has(this.#nextId))
    return this.#nextId
  }

  #settle(from: Address, id: number, result: Result): void {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined || waiting.nextHop !== from) return
    this.#waiting.delete(id)
    waiting.timer.cancel()
    const isOwn = waiting.via === this.#self
    if (!isOwn) this.#forwards.release(waiting.via)
    const isTooLarge = !isOwn && result.ok && result.answer.body.length > MAX_FORWARDED_ANSWER
    waiting.finish(isTooLarge ? { ok: false, failure: 'no-answer', detail: 'the answer was too large' } : result)
  }

  async #answer(request: RequestFrame, via: Address): Promise<Result> {
    const handler = this.#handlers.get(request.service)
    if (handler === undefined) return { ok: false, failure: 'refused', detail: `no service ${request.service} here` }
    const { source, target, delivery, body, hops } = request
    try {
      const answer = await handler({ source, via, target, delivery, body })
      return { ok: true, answer: { from: this.#self, hops, body: answer } }
    } catch (error) {
      if (!(error instanceof Refusal || error instanceof DecodeError)) this.#onFault(error)
      return { ok: false, failure: 'refused', detail: messageOf(error) }
    }
  }
}

function closerOf(target: Address, a: Address, b: Address | undefined): Address {
  return b === undefined || isCloser(target, a, b) ? a : b
}
