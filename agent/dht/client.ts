/**
 * The asking side: maps a key to its sub-keys, asks each until it has an answer, counts the votes.
 *
 * Guarantees: `taken` is a node's word, `no-answer` its silence, and the one never becomes the other; a lost message, a
 * node that is not ready and a busy sub-key are asked again with the same password until the deadline (all changes are
 * idempotent per password). Nothing is asked before the node is correctly connected (paper section 4). An operation ends as soon as its outcome can no longer change.
 */

import { hex } from '../core/bytes.ts'
import { type Clock, sleep } from '../core/clock.ts'
import { DecodeError, decode, encode } from '../core/codec.ts'
import { WowError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import { DeliveryError, type Overlay, SERVICES } from '../overlay/overlay.ts'
import { ATTEMPT_TIMEOUT_MS, BACKOFF_MAX_MS, BACKOFF_MIN_MS, OPERATION_DEADLINE_MS } from './constants.ts'
import { type Dht, type Found, type Key, MAJORITY, type Outcome, REMAP, type SubKey, type Vote } from './dht.ts'
import { type Change, changeAnswerCodec, dhtRequestCodec, getAnswerCodec, type Verdict } from './messages.ts'
import { subKeysOf } from './sub-keys.ts'

export class DhtUnavailable extends WowError {
  constructor(detail: string) {
    super(
      'DHT_UNAVAILABLE',
      `the DHT gave no majority: ${detail}`,
      'Wait until the node is correctly connected; see wow doctor.',
    )
  }
}

/** What one sub-key answered to a get: its value, or nothing. */
interface Reading {
  readonly vote: Vote
  readonly value?: Uint8Array
  readonly ttlMs?: number
}

export class DhtClient implements Omit<Dht, 'onContested'> {
  readonly #overlay: Overlay
  readonly #clock: Clock
  readonly #random: Random
  #stopped = false

  constructor(parts: { overlay: Overlay; clock: Clock; random: Random }) {
    this.#overlay = parts.overlay
    this.#clock = parts.clock
    this.#random = parts.random
  }

  create(key: Key, password: Uint8Array, value: Uint8Array, ttlMs: number): Promise<Outcome> {
    return this.#change(key, { kind: 'create', password, value, ttlMs })
  }

  recreate(
    key: Key,
    oldPassword: Uint8Array,
    newPassword: Uint8Array,
    value: Uint8Array,
    ttlMs: number,
  ): Promise<Outcome> {
    return this.#change(key, { kind: 'recreate', oldPassword, newPassword, value, ttlMs })
  }

  delete(key: Key, password: Uint8Array): Promise<Outcome> {
    return this.#change(key, { kind: 'delete', password })
  }

  async get(key: Key): Promise<Found[]> {
    const readings: Reading[] = []
    const body = encode(dhtRequestCodec, { kind: 'get' })
    const decided = () => {
      const found = tally(readings)
      const missing = readings.filter(({ vote }) => vote === 'missing').length
      return found[0]?.majority === true || missing >= MAJORITY
    }
    await this.#poll(
      subKeysOf(key),
      async (subKey) => {
        const answer = await this.#ask(subKey, body)
        const { verdict, values } = decode(getAnswerCodec, answer)
        const first = values[0]
        if (verdict === 'ok' && first !== undefined) return { verdict, reading: { vote: 'ok' as const, ...first } }
        return { verdict, reading: { vote: voteOf(verdict) } }
      },
      (reading) => readings.push(reading),
      decided,
    )
    const answered = readings.filter(({ vote }) => vote !== 'no-answer').length
    if (answered < MAJORITY) throw new DhtUnavailable(`${answered} of ${REMAP} sub-keys answered`)
    return tally(readings)
  }

  async #change(key: Key, change: Change): Promise<Outcome> {
    const votes: Vote[] = []
    const body = encode(dhtRequestCodec, { kind: 'change', change })
    const count = (...of: Vote[]) => votes.filter((vote) => of.includes(vote)).length
    const accepted = () => count('ok')
    const refused = () => count('taken', 'wrong-password', 'missing')
    await this.#poll(
      subKeysOf(key),
      async (subKey) => {
        const { verdict } = decode(changeAnswerCodec, await this.#ask(subKey, body))
        return { verdict, reading: { vote: voteOf(verdict) } }
      },
      ({ vote }) => votes.push(vote),
      () => accepted() >= MAJORITY || refused() >= MAJORITY,
    )
    const outcome = { accepted: accepted(), won: accepted() >= MAJORITY, lost: refused() >= MAJORITY }
    while (votes.length < REMAP) votes.push('no-answer')
    return { votes, ...outcome }
  }

  /** Asks nobody again: what is still open ends as no answer. */
  stop(): void {
    this.#stopped = true
  }

  async #ask(subKey: SubKey, body: Uint8Array): Promise<Uint8Array> {
    const answer = await this.#overlay.request(SERVICES.dht, subKey, body, { timeoutMs: ATTEMPT_TIMEOUT_MS })
    return answer.body
  }

  /** Asks every sub-key; resolves when all have answered, the deadline passed, or `decided` says that it is enough. */
  #poll(
    subKeys: readonly SubKey[],
    ask: (subKey: SubKey) => Promise<{ verdict: Verdict; reading: Reading }>,
    take: (reading: Reading) => void,
    decided: () => boolean,
  ): Promise<void> {
    const deadline = this.#clock.now() + OPERATION_DEADLINE_MS
    return new Promise((resolve, reject) => {
      let open = subKeys.length
      for (const subKey of subKeys) {
        this.#persist(subKey, ask, deadline).then((reading) => {
          open--
          take(reading)
          if (open === 0 || decided()) resolve()
        }, reject)
      }
    })
  }

  async #persist(
    subKey: SubKey,
    ask: (subKey: SubKey) => Promise<{ verdict: Verdict; reading: Reading }>,
    deadline: number,
  ): Promise<Reading> {
    let pauseMs = BACKOFF_MIN_MS
    for (;;) {
      try {
        if (!this.#overlay.correctlyConnected) throw new DeliveryError('no-route', 'not correctly connected')
        const { verdict, reading } = await ask(subKey)
        if (verdict !== 'not-ready' && verdict !== 'busy') return reading
      } catch (error) {
        if (!(error instanceof DeliveryError || error instanceof DecodeError)) throw error
      }
      if (this.#stopped || this.#clock.now() + pauseMs >= deadline) return { vote: 'no-answer' }
      await sleep(this.#clock, pauseMs * (0.5 + this.#random.float()))
      pauseMs = Math.min(pauseMs * 2, BACKOFF_MAX_MS)
    }
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

function tally(readings: readonly Reading[]): Found[] {
  const byValue = new Map<string, { value: Uint8Array; votes: number; ttlMs: number }>()
  for (const { value, ttlMs } of readings) {
    if (value === undefined || ttlMs === undefined) continue
    const id = hex(value)
    const found = byValue.get(id) ?? { value, votes: 0, ttlMs: 0 }
    byValue.set(id, { value, votes: found.votes + 1, ttlMs: Math.max(found.ttlMs, ttlMs) })
  }
  return [...byValue.values()]
    .map((found) => ({ ...found, majority: found.votes >= MAJORITY }))
    .sort((a, b) => b.votes - a.votes)
}
