/**
 * The client side: maps a key to its sub-keys, asks each until it answers, and counts the votes.
 *
 * Guarantees: `taken` means that a replica said so, `no-answer` that none decided; neither is ever reported as the
 * other. After a lost message, or when a node is not ready or a sub-key is busy, the client retries with the same
 * signed change until the deadline (all changes are idempotent per password). It asks nothing before this node is
 * correctly connected (paper section 4). An operation ends as soon as its outcome can no longer change. No password
 * leaves this node, only signatures by the key derived from it.
 *
 * What a majority has taken goes on to the sub-keys that have not answered, for a while: some votes may be as old as the operation
 * is long, and the replicas behind them gone.
 */

import { Backoff } from '../core/backoff.ts'
import { EMPTY, equal, hex } from '../core/bytes.ts'
import { type Clock, sleep } from '../core/clock.ts'
import { DecodeError, decode, encode } from '../core/codec.ts'
import { WowError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import { DeliveryError, type Overlay, SERVICES } from '../overlay/overlay.ts'
import {
  ATTEMPT_TIMEOUT_MS,
  ATTEMPTS,
  BACKOFF_MAX_MS,
  BACKOFF_MIN_MS,
  CLAIM_TTL_MS,
  MAX_SERIAL,
  MAX_SIGNINGS,
  OPERATION_DEADLINE_MS,
  REPAIR_MIN_TTL_MS,
  SPREAD_MS,
  SPREAD_PAUSE_MS,
} from './constants.ts'
import { type Dht, type Found, type Key, MAJORITY, type Outcome, REMAP, type SubKey, type Vote } from './dht.ts'
import type { Direct } from './direct.ts'
import {
  type Change,
  type ChangeAnswer,
  type ChangeRequest,
  changeAnswerCodec,
  type DhtRequest,
  dhtRequestCodec,
  getAnswerCodec,
  type MovingEntry,
  type Verdict,
} from './messages.ts'
import { OpenChallenges } from './open-challenges.ts'
import { holderOf, type Proven, prove, signChange } from './proof.ts'
import { subKeysOf } from './sub-keys.ts'
import { newerSerial, type Wish } from './wish.ts'

export class DhtUnavailable extends WowError {
  constructor(detail: string) {
    super(
      'DHT_UNAVAILABLE',
      `the DHT gave no majority: ${detail}`,
      'Wait until the node is correctly connected; see wow doctor.',
    )
  }
}

/** What one sub-key answered to a get. */
interface Reading {
  readonly subKey: SubKey
  readonly vote: Vote
  readonly proven?: Proven
  /** Clock time by which every replica of the sub-key may have let the entry go. */
  readonly expiresAt?: number
}

interface Operation {
  readonly wish: Wish
  /** The change as signed for each sub-key. */
  readonly changes: Change[]
  /** A later operation of this client on the same key has begun. */
  overtaken: boolean
}

export class DhtClient implements Omit<Dht, 'onContested'> {
  readonly #overlay: Overlay
  readonly #clock: Clock
  readonly #random: Random
  readonly #direct: Direct | undefined
  /** By key: its last operation, until each sub-key has settled it. */
  readonly #latest = new Map<string, Operation>()
  readonly #challenges: OpenChallenges
  #lastSerial = 0
  #stopped = false

  /** `direct`: how to speak to replicas where nodes on the way may lie. */
  constructor(parts: { overlay: Overlay; clock: Clock; random: Random; direct?: Direct | undefined }) {
    this.#overlay = parts.overlay
    this.#direct = parts.direct
    this.#clock = parts.clock
    this.#random = parts.random
    this.#challenges = new OpenChallenges(parts.clock)
  }

  async create(key: Key, password: Uint8Array, value: Uint8Array, ttlMs: number): Promise<Outcome> {
    const holder = holderOf(key, password)
    const wish: Wish = { kind: 'create', key, value, ttlMs: Math.min(ttlMs, CLAIM_TTL_MS), holder }
    const operation = this.#begin(wish)
    const outcome = await this.#run(operation)
    // What goes beyond a claim needs answered challenges, which came with the claim.
    const goesOn = outcome.won && ttlMs > CLAIM_TTL_MS && !operation.overtaken
    if (goesOn) void this.#change({ ...wish, kind: 'recreate', ttlMs })
    return outcome
  }

  recreate(
    key: Key,
    oldPassword: Uint8Array,
    newPassword: Uint8Array,
    value: Uint8Array,
    ttlMs: number,
  ): Promise<Outcome> {
    const former = equal(oldPassword, newPassword) ? undefined : holderOf(key, oldPassword)
    return this.#change({ kind: 'recreate', key, value, ttlMs, holder: holderOf(key, newPassword), former })
  }

  delete(key: Key, password: Uint8Array): Promise<Outcome> {
    return this.#change({ kind: 'delete', key, value: EMPTY, ttlMs: 0, holder: holderOf(key, password) })
  }

  async get(key: Key): Promise<Found[]> {
    const readings: Reading[] = []
    const decided = () => {
      const found = this.#tally(readings)
      const missing = readings.filter(({ vote }) => vote === 'missing').length
      return found[0]?.majority === true || missing >= MAJORITY
    }
    await this.#poll(
      subKeysOf(key),
      (subKey) => this.#read(subKey),
      (reading) => {
        if (readings.push(reading) === REMAP) this.#repair(key, readings)
      },
      decided,
    )
    const answered = readings.filter(({ vote }) => vote !== 'no-answer').length
    if (answered < MAJORITY) throw new DhtUnavailable(`${answered} of ${REMAP} sub-keys answered`)
    return this.#tally(readings)
  }

  /** Retries nothing more: what is still open ends as `no-answer`. */
  stop(): void {
    this.#stopped = true
  }

  async #read(subKey: SubKey): Promise<Reading | undefined> {
    const askedAt = this.#clock.now()
    const entry = await (this.#direct?.read(subKey) ?? this.#routedRead(subKey))
    if (entry === 'missing') return { subKey, vote: entry }
    if (entry === undefined) return undefined
    const proven = prove(entry.place, entry.change)
    if (proven?.subKey !== subKey) throw new DecodeError('the entry is not what its holder signed')
    const { kind, ttlMs } = proven.change.statement
    if (kind === 'delete') return { subKey, vote: 'missing' }
    return { subKey, vote: 'ok', proven, expiresAt: askedAt + Math.min(entry.ttlMs, ttlMs) }
  }

  async #routedRead(subKey: SubKey): Promise<'missing' | MovingEntry | undefined> {
    const { verdict, entry } = decode(getAnswerCodec, await this.#ask(subKey, { kind: 'get' }))
    return verdict === 'missing' ? verdict : verdict === 'ok' ? entry : undefined
  }

  async #routedChange(subKey: SubKey, request: ChangeRequest): Promise<ChangeAnswer> {
    return decode(changeAnswerCodec, await this.#ask(subKey, request))
  }

  /** Restores an entry that most sub-keys hold to those that lost it: its signature is valid at all of them. */
  #repair(key: Key, readings: readonly Reading[]): void {
    const [best] = this.#tally(readings)
    if (best?.majority !== true || best.ttlMs < REPAIR_MIN_TTL_MS) return
    const of = readings.filter(({ proven }) => proven !== undefined && equal(proven.change.statement.value, best.value))
    const newest = of.reduce((a, b) => (serialOf(a) >= serialOf(b) ? a : b))
    if (newest.proven === undefined) return
    const { change } = newest.proven
    const entry = { change, ttlMs: this.#leftOf(newest), ageMs: 0, accepted: false, fresh: false, follows: undefined }
    for (const [place, subKey] of subKeysOf(key).entries()) {
      const vote = readings.find((reading) => reading.subKey === subKey)?.vote
      // Nothing waits for it: what it fails to repair, the next reader or the owner will.
      if (vote === 'missing') void this.#offer(subKey, { place, ...entry })
    }
  }

  async #offer(subKey: SubKey, entry: MovingEntry): Promise<void> {
    try {
      await this.#ask(subKey, { kind: 'offer', entry, both: true })
    } catch (error) {
      if (!(error instanceof DeliveryError)) throw error
    }
  }

  #change(wish: Wish): Promise<Outcome> {
    return this.#run(this.#begin(wish))
  }

  #begin(wish: Wish): Operation {
    const operation: Operation = { wish, changes: Array<Change>(REMAP).fill(this.#sign(wish)), overtaken: false }
    const former = this.#latest.get(hex(wish.key))
    if (former !== undefined) former.overtaken = true
    this.#latest.set(hex(wish.key), operation)
    return operation
  }

  async #run(operation: Operation): Promise<Outcome> {
    const { wish } = operation
    const name = hex(wish.key)
    const votes: Vote[] = []
    const count = (...of: Vote[]) => votes.filter((vote) => of.includes(vote)).length
    const accepted = () => count('ok')
    const refused = () => count('taken', 'wrong-password', 'missing')
    await this.#poll(
      subKeysOf(wish.key),
      (subKey, place) => this.#submit(operation, subKey, place),
      ({ vote }) => {
        if (votes.push(vote) === REMAP && this.#latest.get(name) === operation) this.#latest.delete(name)
      },
      () => accepted() >= MAJORITY || refused() >= MAJORITY,
      () => wish.kind !== 'delete' && accepted() >= MAJORITY,
    )
    const outcome = { accepted: accepted(), won: accepted() >= MAJORITY, lost: refused() >= MAJORITY }
    return { votes: [...votes, ...Array<Vote>(REMAP - votes.length).fill('no-answer')], ...outcome }
  }

  /**
   * Submits the change to one sub-key. Signs it again when another node with the password made a newer one; answers what its
   * replicas challenge the holder with.
   */
  async #submit(operation: Operation, subKey: SubKey, place: number): Promise<Reading | undefined> {
    const { wish, changes } = operation
    // A create that is retried after this client has deleted would leave an entry that nobody holds.
    if (wish.kind !== 'delete' && operation.overtaken) return { subKey, vote: 'no-answer' }
    for (let signings = 0; signings < MAX_SIGNINGS; signings++) {
      const change = changes[place]!
      const response = this.#challenges.answer(wish.holder, subKey, change)
      const request: ChangeRequest = { kind: 'change', place, change, response }
      const answer = await (this.#direct?.change(subKey, request) ?? this.#routedChange(subKey, request))
      const { verdict, newer, challenges } = answer
      if (verdict === 'not-ready' || verdict === 'busy') return undefined
      this.#challenges.keep(wish.holder, subKey, challenges)
      if (verdict === 'challenged') continue
      if (verdict !== 'stale') return { subKey, vote: voteOf(verdict) }
      const serial = newer && newerSerial(newer, subKey, change, wish)
      // A later operation of this client must not be undone.
      if (serial === undefined || serial >= MAX_SERIAL || operation.overtaken) return { subKey, vote: 'no-answer' }
      this.#lastSerial = Math.max(this.#lastSerial, serial)
      changes[place] = this.#sign(wish)
    }
    return undefined
  }

  #sign({ holder, former, ...what }: Wish): Change {
    this.#lastSerial = Math.max(this.#lastSerial + 1, Math.floor(this.#clock.now()))
    return signChange({ ...what, serial: this.#lastSerial, publisher: this.#overlay.self }, holder, former)
  }

  async #ask(subKey: SubKey, request: DhtRequest): Promise<Uint8Array> {
    const body = encode(dhtRequestCodec, request)
    const answer = await this.#overlay.request(SERVICES.dht, subKey, body, { timeoutMs: ATTEMPT_TIMEOUT_MS })
    return answer.body
  }

  /**
   * Asks every sub-key; resolves when all have answered, the deadline has passed, or `decided` is true. While `spreads` is true,
   * sub-keys that have not answered are asked beyond the deadline.
   */
  #poll(
    subKeys: readonly SubKey[],
    ask: (subKey: SubKey, place: number) => Promise<Reading | undefined>,
    take: (reading: Reading) => void,
    decided: () => boolean,
    spreads = () => false,
  ): Promise<void> {
    // Some attempts must fit in, however long one takes.
    const patienceMs = Math.max(OPERATION_DEADLINE_MS, ATTEMPTS * this.#overlay.routedTimeoutMs)
    const deadline = this.#clock.now() + patienceMs
    return new Promise((resolve, reject) => {
      let open = subKeys.length
      for (const [place, subKey] of subKeys.entries()) {
        this.#persist(subKey, () => ask(subKey, place), { deadline, spreads }).then((reading) => {
          open--
          take(reading)
          if (open === 0 || decided()) resolve()
        }, reject)
      }
    })
  }

  /** Asks one sub-key until it gives a reading, or the deadline is near and nothing is to be spread. */
  async #persist(
    subKey: SubKey,
    ask: () => Promise<Reading | undefined>,
    { deadline, spreads }: { readonly deadline: number; readonly spreads: () => boolean },
  ): Promise<Reading> {
    const backoff = new Backoff({ minMs: BACKOFF_MIN_MS, maxMs: BACKOFF_MAX_MS })
    for (;;) {
      try {
        if (!this.#overlay.correctlyConnected) throw new DeliveryError('no-route', 'not correctly connected')
        const reading = await ask()
        if (reading !== undefined) return reading
      } catch (error) {
        if (!(error instanceof DeliveryError || error instanceof DecodeError)) throw error
      }
      const now = this.#clock.now()
      const isLate = now + backoff.pauseMs >= deadline
      const isOver = isLate && !(spreads() && now < deadline + SPREAD_MS)
      if (this.#stopped || isOver) return { subKey, vote: 'no-answer' }
      const pauseMs = isLate ? SPREAD_PAUSE_MS : backoff.next()
      await sleep(this.#clock, pauseMs * (0.5 + this.#random.float()))
    }
  }

  /** An entry's remaining lifetime, ms. */
  #leftOf({ expiresAt }: Reading): number {
    return Math.max(0, Math.floor((expiresAt ?? 0) - this.#clock.now()))
  }

  #tally(readings: readonly Reading[]): Found[] {
    const byValue = new Map<string, { value: Uint8Array; votes: number; ttlMs: number }>()
    for (const reading of readings) {
      const value = reading.proven?.change.statement.value
      if (value === undefined) continue
      const id = hex(value)
      const found = byValue.get(id) ?? { value, votes: 0, ttlMs: 0 }
      byValue.set(id, { value, votes: found.votes + 1, ttlMs: Math.max(found.ttlMs, this.#leftOf(reading)) })
    }
    return [...byValue.values()]
      .map((found) => ({ ...found, majority: found.votes >= MAJORITY }))
      .sort((a, b) => b.votes - a.votes)
  }
}

function voteOf(verdict: Verdict): Vote {
  switch (verdict) {
    case 'ok':
    case 'taken':
    case 'wrong-password':
    case 'missing':
      return verdict
    default:
      return 'no-answer'
  }
}

function serialOf({ proven }: Reading): number {
  return proven?.change.statement.serial ?? 0
}
