/**
 * A byzantine node of a shared ring: a stranger without the namespace's secret. It runs the project's own ring and DHT
 * with its words bent, in one or more ways:
 *
 * - `closest`: answers each request that comes by as if it were the node nearest to the target;
 * - `withhold`: ignores what clients ask of the DHT, or refuses it;
 * - `replay`: sends changes that it saw earlier again;
 * - `graft`: alters changes that it saw, adds itself as their former holder, or signs its own for the same key;
 * - `flood`: asks a hundred questions a second for a while;
 * - `silent`: tells its neighbours nothing of the DHT when they take over a range or ask for their share of a change;
 * - `sizes`: names nodes that are not there beyond its neighbours, so near that the ring seems to have millions of nodes;
 * - `ghosts`: names nodes that are not there between itself and its neighbours, on both sides or one;
 * - `alarms`: tells its peers that they were away, were given up, or have a twin.
 */

import { type Clock, every } from '../agent/core/clock.ts'
import { DecodeError, decode, encode } from '../agent/core/codec.ts'
import type { Random } from '../agent/core/random.ts'
import {
  type Change,
  changeAnswerCodec,
  type DhtRequest,
  dhtRequestCodec,
  getAnswerCodec,
  type MovingEntry,
  plainly,
} from '../agent/dht/messages.ts'
import { holderOf, signChange } from '../agent/dht/proof.ts'
import { subKeyOf } from '../agent/dht/sub-keys.ts'
import { type Address, addressFromBytes, toAddress } from '../agent/overlay/address.ts'
import { encodeContacts } from '../agent/overlay/connector.ts'
import { NEAR_PER_SIDE } from '../agent/overlay/constants.ts'
import type { Frame, FrameOf, Status } from '../agent/overlay/messages.ts'
import { ringRequestCodec } from '../agent/overlay/messages.ts'
import { DeliveryError, SERVICES } from '../agent/overlay/overlay.ts'
import type { Ring } from '../agent/overlay/ring.ts'
import type { Bend, BentLinks } from './bent-links.ts'

export const LIES = ['closest', 'withhold', 'replay', 'graft', 'flood', 'silent', 'sizes', 'ghosts', 'alarms'] as const
export type Lie = (typeof LIES)[number]

/** A liar tells up to this many lies. */
const MOST_LIES = 3
/** Changes that a liar remembers. */
const REMEMBERED = 200
/** How often it replays or grafts, and says alarms, ms. */
const ACT_MS = 500
const ALARM_MS = 3_000
/** A flood: how often it begins, the questions in it, and the pause between two, ms. */
const FLOOD_MS = 15_000
const FLOOD_QUESTIONS = 200
const FLOOD_PAUSE_MS = 10
/** The distance of made-up nodes: as in a ring of 2^40 nodes; and nearer than the next true node of any small ring. */
const CROWDED = 1n << 120n
const GHOSTLY = 1n << 145n
/** A lease's time-to-live in a liar's own changes, ms. */
const GRAFT_TTL_MS = 60_000

const DHT_OF_CLIENTS: readonly DhtRequest['kind'][] = ['get', 'look', 'change', 'offer']
const DHT_OF_NEIGHBORS: readonly DhtRequest['kind'][] = ['pull', 'relieve', 'replicate', 'accepted']

type RequestFrame = FrameOf<'request'>
type Seen = { readonly place: number; readonly change: Change }

export function drawLies(random: Random, from: readonly Lie[]): Set<Lie> {
  return new Set(Array.from({ length: 1 + random.below(MOST_LIES) }, () => from[random.below(from.length)]!))
}

export class Liar implements Bend {
  readonly self: Address
  readonly lies: ReadonlySet<Lie>
  readonly #random: Random
  readonly #clock: Clock
  readonly #password: Uint8Array
  /** What it says of changes that are none of its business, and of what it is asked for. */
  readonly #verdict: 'ok' | 'taken' | 'missing'
  readonly #ghostSides: 'left' | 'right' | 'both'
  readonly #seen: Seen[] = []
  /** Where it can be reached. */
  #endpoints: () => string[] = () => []

  constructor(parts: { self: Address; random: Random; clock: Clock; lies: ReadonlySet<Lie> }) {
    this.self = parts.self
    this.lies = parts.lies
    this.#random = parts.random
    this.#clock = parts.clock
    this.#password = this.#random.bytes(32)
    this.#ghostSides = (['left', 'right', 'both'] as const)[this.#random.below(3)]!
    this.#verdict = (['ok', 'ok', 'taken', 'missing'] as const)[this.#random.below(4)]!
  }

  /** Begins what it does by itself. */
  begin(ring: Ring, links: BentLinks): void {
    this.#endpoints = () => links.endpoints()
    const act = (lie: Lie, periodMs: number, task: () => void) => {
      if (this.lies.has(lie)) every(this.#clock, this.#random, periodMs, task)
    }
    act('replay', ACT_MS, () => this.#submit(ring, this.#anySeen()))
    act('graft', ACT_MS, () => this.#submit(ring, this.#grafted()))
    act('flood', FLOOD_MS, () => this.#flood(ring, FLOOD_QUESTIONS))
    act('alarms', ALARM_MS, () => links.say(this.#alarm()))
  }

  outgoing(frame: Frame): Frame {
    return frame.kind === 'status' ? this.#bendStatus(frame) : frame
  }

  keeps(frame: Frame, reply: (frame: Frame) => void): boolean {
    if (frame.kind !== 'request' || frame.source === this.self) return false
    try {
      if (frame.service === SERVICES.dht) return this.#keepsDht(frame, decode(dhtRequestCodec, frame.body), reply)
      if (frame.service === SERVICES.ring) return this.#keepsLookup(frame, reply)
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
    }
    return false
  }

  #keepsDht(frame: RequestFrame, body: DhtRequest, reply: (frame: Frame) => void): boolean {
    this.#remember(body)
    if (this.lies.has('silent') && DHT_OF_NEIGHBORS.includes(body.kind)) return true
    if (!DHT_OF_CLIENTS.includes(body.kind)) return false
    if (this.lies.has('withhold') && this.#random.below(2) === 0) {
      const refusal = { kind: 'failure', id: frame.id, failure: 'refused', detail: 'no' } as const
      if (this.#random.below(2) === 0) reply(refusal)
      return true
    }
    if (!this.lies.has('closest')) return false
    reply(this.#answer(frame, this.#lieAbout(frame, body)))
    return true
  }

  /** Somebody looks for the node nearest to a point: it is this one, of course. */
  #keepsLookup(frame: RequestFrame, reply: (frame: Frame) => void): boolean {
    if (!this.lies.has('closest') || decode(ringRequestCodec, frame.body).kind !== 'neighbors') return false
    if (frame.delivery === 'exact') return false
    reply(this.#answer(frame, encodeContacts([{ address: this.self, endpoints: this.#endpoints() }])))
    return true
  }

  /** It says that the answer came from the target itself: nobody can be closer. */
  #answer({ id, target, hops }: RequestFrame, body: Uint8Array): Frame {
    return { kind: 'answer', id, from: target, hops, body }
  }

  #decision(): Uint8Array {
    return encode(changeAnswerCodec, plainly(this.#verdict))
  }

  #lieAbout({ target }: RequestFrame, body: DhtRequest): Uint8Array {
    if (body.kind === 'get') return this.#reading(target)
    return body.kind === 'look' ? this.#reading(body.key) : this.#decision()
  }

  /** An entry that it once saw there, or none. */
  #reading(target: Address): Uint8Array {
    const seen = this.#seen.findLast(({ place, change }) => subKeyOf(change.statement.key, place) === target)
    if (seen === undefined || this.#verdict === 'missing') {
      return encode(getAnswerCodec, { verdict: 'missing', entry: undefined })
    }
    return encode(getAnswerCodec, { verdict: 'ok', entry: entryOf(seen) })
  }

  #remember(body: DhtRequest): void {
    if (body.kind !== 'change' && body.kind !== 'replicate') return
    this.#seen.push({ place: body.place, change: body.change })
    if (this.#seen.length > REMEMBERED) this.#seen.splice(this.#random.below(REMEMBERED), 1)
  }

  #anySeen(): Seen | undefined {
    return this.#seen[this.#random.below(this.#seen.length)]
  }

  #grafted(): Seen | undefined {
    const seen = this.#anySeen()
    if (seen === undefined) return undefined
    const { statement } = seen.change
    const holder = holderOf(statement.key, this.#password)
    const serial = Math.floor(this.#clock.now())
    const own = { key: statement.key, serial, value: statement.value, publisher: this.self }
    switch (this.#random.below(4)) {
      case 0:
        return { ...seen, change: { ...seen.change, statement: { ...statement, publisher: this.self } } }
      case 1: {
        const { signature } = signChange({ ...statement, publisher: this.self }, holder)
        return { ...seen, change: { ...seen.change, former: { holder: holder.publicKey, signature } } }
      }
      case 2:
        return { ...seen, change: signChange({ ...own, kind: 'recreate', ttlMs: GRAFT_TTL_MS }, holder) }
      default:
        return { ...seen, change: signChange({ ...own, kind: 'delete', ttlMs: 0 }, holder) }
    }
  }

  /** As a client does, or as a former replica that hands an entry over. */
  #submit(ring: Ring, seen: Seen | undefined): void {
    if (seen === undefined) return
    const target = subKeyOf(seen.change.statement.key, seen.place)
    const request: DhtRequest =
      this.#random.below(2) === 0
        ? { kind: 'change', place: seen.place, change: seen.change, response: undefined }
        : { kind: 'offer', entry: entryOf(seen), both: true }
    void ask(ring, target, request)
  }

  #flood(ring: Ring, left: number): void {
    if (left === 0) return
    void ask(ring, addressFromBytes(this.#random.bytes(20)), { kind: 'get' })
    this.#clock.after(FLOOD_PAUSE_MS, () => this.#flood(ring, left - 1))
  }

  #bendStatus(status: Status): Status {
    const { left, right } = status
    if (this.lies.has('sizes')) return { ...status, left: this.#beyond(left, -1n), right: this.#beyond(right, 1n) }
    if (!this.lies.has('ghosts')) return status
    const ghost = (side: bigint) => toAddress(this.self + side * GHOSTLY)
    return {
      ...status,
      left: this.#ghostSides === 'right' ? left : [ghost(-1n), ...left].slice(0, NEAR_PER_SIDE),
      right: this.#ghostSides === 'left' ? right : [ghost(1n), ...right].slice(0, NEAR_PER_SIDE),
    }
  }

  /** The true neighbour, and made-up ones behind it. */
  #beyond([first]: readonly Address[], side: bigint): Address[] {
    if (first === undefined) return []
    return [
      first,
      ...Array.from({ length: NEAR_PER_SIDE - 1 }, (_, i) => toAddress(first + side * CROWDED * BigInt(i + 1))),
    ]
  }

  #alarm(): Frame {
    switch (this.#random.below(3)) {
      case 0:
        return { kind: 'gaveUp', agoMs: this.#random.below(60_000) }
      case 1:
        return { kind: 'away', forMs: this.#random.below(60_000) }
      default:
        return { kind: 'twin' }
    }
  }
}

function entryOf({ place, change }: Seen): MovingEntry {
  const { ttlMs } = change.statement
  return { place, change, ttlMs, ageMs: ttlMs, accepted: true, fresh: true, follows: undefined }
}

async function ask(ring: Ring, target: Address, request: DhtRequest): Promise<void> {
  try {
    await ring.request(SERVICES.dht, target, encode(dhtRequestCodec, request))
  } catch (error) {
    if (!(error instanceof DeliveryError)) throw error
  }
}
