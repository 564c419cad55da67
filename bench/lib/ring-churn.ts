/** Measures a large ring whose nodes come and go: each dies without a word, and as many newcomers join. */

import { EMPTY } from '../../agent/core/bytes.ts'
import { type Address, addressFromBytes, isCloser } from '../../agent/overlay/address.ts'
import { DeliveryError, SERVICES } from '../../agent/overlay/overlay.ts'
import type { SimRing } from '../../sim/sim-ring.ts'
import { buildRing } from './built-ring.ts'
import { FRAME_OVERHEAD, whole } from './ring-experiments.ts'

/** Time between two requests, ms. */
const ASK_EVERY_MS = 100
/** A request that got no answer is asked again, so many times in all. */
const TRIES = 3
/** A newcomer that joined so shortly before the end may still be on its way, ms. */
const LATE_MS = 10_000
const LOOK_EVERY_MS = 1_000

export interface Churn {
  readonly size: number
  readonly meanSessionMs: number
  readonly forMs: number
}

export interface Churned {
  readonly deaths: number
  readonly joins: number
  readonly requests: number
  /** Of all requests: those that ended at the truly nearest node at the first try, and within `TRIES`. */
  readonly firstTryShare: number
  readonly arrivedShare: number
  /** Answered by another node than the nearest; and never answered. */
  readonly astray: number
  readonly unanswered: number
  readonly hops: readonly number[]
  readonly wireBps: number
  /** Time from a newcomer's start until it was correctly connected, ms. */
  readonly connectedMs: readonly number[]
  /** Newcomers that were up for `LATE_MS` and never correctly connected. */
  readonly neverConnected: number
  /** Time from the last death until the ring was whole, ms. */
  readonly wholeMs: number
}

export async function measureChurn(
  { size, meanSessionMs, forMs }: Churn,
  seed: number,
  progress: (what: string) => void,
): Promise<Churned> {
  const sim = await buildRing(size, seed, progress)
  const churn = new Churning(sim, meanSessionMs)
  const { frames, bytes } = sim.network
  const asked: Promise<Asked | undefined>[] = []
  for (let ms = 0; ms < forMs; ms += ASK_EVERY_MS) {
    asked.push(churn.ask())
    await churn.runFor(ASK_EVERY_MS)
    if (ms % 60_000 === 0) progress(`${ms / 60_000} min of churn`)
  }
  const nodeSeconds = (size * forMs) / 1_000
  const wireBps = (sim.network.bytes - bytes + (sim.network.frames - frames) * FRAME_OVERHEAD) / nodeSeconds
  const wholeMs = await whole(sim, LOOK_EVERY_MS)
  const ended = await sim.clock.complete(Promise.all(asked))
  const results = ended.filter((result) => result !== undefined)
  const share = (fits: (result: Asked) => boolean) => results.filter(fits).length / results.length
  return {
    ...churn.counts(),
    requests: results.length,
    firstTryShare: share(({ end, tries }) => end === 'nearest' && tries === 1),
    arrivedShare: share(({ end }) => end === 'nearest'),
    astray: results.filter(({ end }) => end === 'astray').length,
    unanswered: results.filter(({ end }) => end === 'unanswered').length,
    hops: results.flatMap(({ hops }) => (hops === undefined ? [] : [hops])),
    wireBps,
    wholeMs,
  }
}

interface Asked {
  readonly end: 'nearest' | 'astray' | 'unanswered'
  readonly tries: number
  readonly hops: number | undefined
}

class Churning {
  readonly #sim: SimRing
  /** Mean time between two deaths, and between two joins, ms. */
  readonly #gapMs: number
  #nextDeathAt: number
  #nextJoinAt: number
  #deaths = 0
  /** When each newcomer started, and when it was correctly connected for the first time. */
  readonly #newcomers = new Map<Address, { readonly startedAt: number; connectedAt: number | undefined }>()

  constructor(sim: SimRing, meanSessionMs: number) {
    this.#sim = sim
    this.#gapMs = meanSessionMs / sim.nodes.size
    this.#nextDeathAt = sim.clock.now() + this.#draw()
    this.#nextJoinAt = sim.clock.now() + this.#draw()
    for (const { ring } of sim.nodes.values()) ring.serve(SERVICES.tunnel, () => EMPTY)
  }

  /** Lets time pass; nodes die and join. */
  async runFor(ms: number): Promise<void> {
    const { clock } = this.#sim
    const end = clock.now() + ms
    for (;;) {
      const next = Math.min(this.#nextDeathAt, this.#nextJoinAt)
      await clock.runUntil(Math.min(next, end))
      if (next > end) return
      if (next === this.#nextDeathAt) {
        this.#nextDeathAt += this.#draw()
        this.#deaths++
        this.#sim.powerOff(this.#sim.anyNode()!)
      } else {
        this.#nextJoinAt += this.#draw()
        this.#join()
      }
    }
  }

  /** Asks for a random point through a random node of the ring. Undefined: that node died meanwhile. */
  async ask(): Promise<Asked | undefined> {
    const { random, clock } = this.#sim
    const target = addressFromBytes(random.bytes(20))
    const asker = this.#sim.nodes.get(this.#sim.someMembers(1)[0]!)!
    for (let tries = 1; tries <= TRIES; tries++) {
      const askedAt = clock.now()
      try {
        const { from, hops } = await asker.ring.request(SERVICES.tunnel, target, EMPTY)
        return { end: this.#isNearest(target, from, askedAt) ? 'nearest' : 'astray', tries, hops }
      } catch (error) {
        if (!(error instanceof DeliveryError)) throw error
        if (!this.#sim.nodes.has(asker.address)) return undefined
      }
    }
    return { end: 'unanswered', tries: TRIES, hops: undefined }
  }

  counts(): Pick<Churned, 'deaths' | 'joins' | 'connectedMs' | 'neverConnected'> {
    const now = this.#sim.clock.now()
    const connectedMs: number[] = []
    let neverConnected = 0
    for (const [address, { startedAt, connectedAt }] of this.#newcomers) {
      if (connectedAt !== undefined) connectedMs.push(connectedAt - startedAt)
      else if (this.#sim.nodes.has(address) && now - startedAt > LATE_MS) neverConnected++
    }
    return { deaths: this.#deaths, joins: this.#newcomers.size, connectedMs, neverConnected }
  }

  #join(): void {
    const { clock } = this.#sim
    const { address, ring } = this.#sim.join()
    const newcomer: { startedAt: number; connectedAt: number | undefined } = {
      startedAt: clock.now(),
      connectedAt: undefined,
    }
    this.#newcomers.set(address, newcomer)
    ring.serve(SERVICES.tunnel, () => EMPTY)
    ring.onConnectedChange = (isConnected) => {
      if (isConnected) newcomer.connectedAt ??= clock.now()
    }
  }

  /** Whether no node that is up and was on the ring when the request began is nearer than `answerer`. */
  #isNearest(target: Address, answerer: Address, askedAt: number): boolean {
    for (const address of this.#sim.nodes.keys()) {
      const newcomer = this.#newcomers.get(address)
      const wasThere = newcomer === undefined || (newcomer.connectedAt ?? Number.POSITIVE_INFINITY) <= askedAt
      if (wasThere && isCloser(target, address, answerer)) return false
    }
    return true
  }

  /** A time between two events that come at random, ms. */
  #draw(): number {
    return -Math.log(1 - this.#sim.random.float()) * this.#gapMs
  }
}
