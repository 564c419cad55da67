/**
 * The serving side: a node that a client's request reached coordinates the two replicas of a sub-key.
 *
 * Guarantees: a change is answered `ok` only after both replicas accepted it; the left replica always decides first, so
 * of two changes at the same moment at most one wins; a change that the other replica refused is taken back here.
 */

import { EMPTY } from '../core/bytes.ts'
import { decode, encode } from '../core/codec.ts'
import type { Address } from '../overlay/address.ts'
import { DeliveryError, type Request, SERVICES } from '../overlay/overlay.ts'
import { REPLICATE_TIMEOUT_MS } from './constants.ts'
import type { Custodian, Custody, RingView } from './custody.ts'
import type { SubKey } from './dht.ts'
import type { EntryStore } from './entry-store.ts'
import {
  type Change,
  changeAnswerCodec,
  type DhtRequest,
  dhtRequestCodec,
  getAnswerCodec,
  type MovingEntry,
  type Verdict,
} from './messages.ts'

export class Replica {
  readonly #ring: RingView
  readonly #custody: Custody
  readonly #store: EntryStore
  /** Sub-keys with a change under way that this node coordinates. */
  readonly #working = new Set<SubKey>()
  /** Somebody says that an entry of this node gave way to another. */
  onContested: (subKey: SubKey) => void = () => {}

  constructor(parts: { ring: RingView; custody: Custody; store: EntryStore }) {
    this.#ring = parts.ring
    this.#custody = parts.custody
    this.#store = parts.store
  }

  async serve({ source, target, body }: Request): Promise<Uint8Array> {
    const request = decode(dhtRequestCodec, body)
    switch (request.kind) {
      case 'get':
        return this.#get(target)
      case 'change':
        return encode(changeAnswerCodec, { verdict: await this.#coordinate(target, source, request.change) })
      case 'replicate':
        return encode(changeAnswerCodec, { verdict: this.#replicate(source, request) })
      case 'pull':
        return this.#custody.handOver(source, request)
      case 'offer':
        return encode(changeAnswerCodec, { verdict: await this.#takeIn(request.entry, request.both) })
      case 'contested':
        this.onContested(request.key)
        return EMPTY
    }
  }

  /** An accepted entry is at both replicas, so either may answer for both. */
  #get(key: SubKey): Uint8Array {
    if (this.#custody.custodianOf(key) === undefined)
      return encode(getAnswerCodec, { verdict: 'not-ready', values: [] })
    const entry = this.#store.get(key)
    if (entry === undefined) return encode(getAnswerCodec, { verdict: 'missing', values: [] })
    return encode(getAnswerCodec, { verdict: 'ok', values: [{ value: entry.value, ttlMs: this.#store.ttlOf(entry) }] })
  }

  async #coordinate(key: SubKey, publisher: Address, change: Change): Promise<Verdict> {
    const custodian = this.#custody.custodianOf(key)
    if (custodian === undefined) return 'not-ready'
    if (this.#working.has(key)) return 'busy'
    this.#working.add(key)
    try {
      if (custodian.partner === undefined) return this.#store.apply(key, publisher, change)
      if (custodian.side === 'right') return await this.#leadAsLeft(key, publisher, change, custodian)
      return await this.#leadAsRight(key, publisher, change, custodian)
    } finally {
      this.#working.delete(key)
    }
  }

  /** This node is the left replica: it decides first, and takes it back when the right one says no. */
  async #leadAsLeft(key: SubKey, publisher: Address, change: Change, custodian: Custodian): Promise<Verdict> {
    const before = this.#store.snapshot(key)
    const ours = this.#store.apply(key, publisher, change)
    if (ours !== 'ok') return ours
    const made = this.#store.snapshot(key)
    const theirs = await this.#askPartner(custodian.partner!, key, publisher, change)
    const verdict = theirs === 'ok' && !this.#stillWith(key, custodian) ? 'not-ready' : theirs
    if (verdict !== 'ok' && change.kind !== 'delete') this.#store.restore(key, made, before)
    return verdict
  }

  /** This node is the right replica: the left one decides first. */
  async #leadAsRight(key: SubKey, publisher: Address, change: Change, custodian: Custodian): Promise<Verdict> {
    const forecast = this.#store.judge(key, publisher, change)
    if (forecast !== 'ok' && change.kind !== 'delete') return forecast
    const theirs = await this.#askPartner(custodian.partner!, key, publisher, change)
    if (theirs !== 'ok' && change.kind !== 'delete') return theirs
    if (!this.#stillWith(key, custodian)) return 'not-ready'
    const ours = this.#store.apply(key, publisher, change)
    // A deletion removes whatever it has the password for, also what only one replica was left with.
    return theirs === 'ok' || ours === 'ok' ? worst(theirs, ours) : theirs
  }

  #replicate(source: Address, request: { key: SubKey; publisher: Address; change: Change }): Verdict {
    const custodian = this.#custody.custodianOf(request.key)
    if (custodian === undefined || custodian.partner !== source) return 'not-ready'
    // Both lead at the same moment: the left one goes first, the right one comes again.
    if (custodian.side === 'right' && this.#working.has(request.key)) return 'busy'
    return this.#store.apply(request.key, request.publisher, request.change)
  }

  /** An entry from a node that answered for it before: both replicas merge it with what they have. */
  async #takeIn(entry: MovingEntry, both: boolean): Promise<Verdict> {
    const custodian = this.#custody.custodianOf(entry.key)
    if (custodian === undefined) return 'not-ready'
    this.#custody.merge(entry)
    if (!both || custodian.partner === undefined) return 'ok'
    return this.#ask(custodian.partner, { kind: 'offer', entry, both: false })
  }

  #askPartner(partner: Address, key: SubKey, publisher: Address, change: Change): Promise<Verdict> {
    return this.#ask(partner, { kind: 'replicate', key, publisher, change })
  }

  async #ask(partner: Address, request: DhtRequest): Promise<Verdict> {
    const body = encode(dhtRequestCodec, request)
    try {
      const options = { delivery: 'exact', timeoutMs: REPLICATE_TIMEOUT_MS } as const
      const answer = await this.#ring.request(SERVICES.dht, partner, body, options)
      return decode(changeAnswerCodec, answer.body).verdict
    } catch (error) {
      if (error instanceof DeliveryError) return 'not-ready'
      throw error
    }
  }

  #stillWith(key: SubKey, custodian: Custodian): boolean {
    const now = this.#custody.custodianOf(key)
    return now?.partner === custodian.partner && now?.side === custodian.side
  }
}

/** Of two verdicts on a deletion: one success is enough when the other replica had nothing to delete. */
function worst(a: Verdict, b: Verdict): Verdict {
  if (a === 'ok') return b === 'missing' ? 'ok' : b
  return a === 'missing' ? b : a
}
