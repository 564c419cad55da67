/**
 * The server side: the node that a client's request reaches coordinates a sub-key's two replicas.
 *
 * Guarantees: a change is answered `ok` only after both replicas verified its signature and accepted it. The left
 * replica always decides first, so at most one of two simultaneous changes wins. A change that the other replica
 * rejects is undone here; an entry that only the other replica is left with gives way to any accepted one. Messages
 * between replicas are believed only when they come from the linked node itself.
 */

import { EMPTY } from '../core/bytes.ts'
import { DecodeError, decode, encode } from '../core/codec.ts'
import type { Address } from '../overlay/address.ts'
import { DeliveryError, Refusal, type Request, SERVICES } from '../overlay/overlay.ts'
import type { Challenges } from './challenges.ts'
import { REPLICA_REQUEST, TELL_ACCEPTED_TRIES } from './constants.ts'
import type { Custodian, Custody, RingView } from './custody.ts'
import type { SubKey } from './dht.ts'
import type { EntryStore } from './entry-store.ts'
import {
  type Change,
  type ChangeAnswer,
  changeAnswerCodec,
  type DhtRequest,
  dhtRequestCodec,
  getAnswerCodec,
  type MovingEntry,
  plainly,
  type Response,
  relievedCodec,
  type Verdict,
} from './messages.ts'
import { type Proven, prove } from './proof.ts'
import { subKeyOf } from './sub-keys.ts'

export class Replica {
  readonly #ring: RingView
  readonly #custody: Custody
  readonly #store: EntryStore
  readonly #challenges: Challenges
  /** Sub-keys with a change that this node is coordinating. */
  readonly #working = new Set<SubKey>()
  /** A node says that an entry of this node gave way to another. */
  onContested: (subKey: SubKey) => void = () => {}

  constructor(parts: { ring: RingView; custody: Custody; store: EntryStore; challenges: Challenges }) {
    this.#ring = parts.ring
    this.#custody = parts.custody
    this.#store = parts.store
    this.#challenges = parts.challenges
  }

  async serve(request: Request): Promise<Uint8Array> {
    const { source, via, target } = request
    const body = decode(dhtRequestCodec, request.body)
    switch (body.kind) {
      case 'get':
        return this.#get(target)
      case 'look':
        return this.#get(body.key)
      case 'change': {
        const proven = prove(body.place, body.change)
        // A client that speaks to a replica itself names it as the target.
        if (proven === undefined || (request.delivery === 'closest' && proven.subKey !== target))
          return encode(changeAnswerCodec, plainly('forged'))
        return encode(changeAnswerCodec, await this.#coordinate({ proven, via, response: body.response }))
      }
      case 'replicate':
        mustBeLinked(request)
        return encode(changeAnswerCodec, this.#replicate(prove(body.place, body.change), via, body.response))
      case 'challenge':
        mustBeLinked(request)
        return encode(changeAnswerCodec, this.#challenge(body.key, body.holder, via))
      case 'accepted':
        mustBeLinked(request)
        if (this.#custody.custodianOf(body.key)?.partner === via) this.#store.accept(body.key, body.holder)
        return EMPTY
      case 'pull':
        mustBeLinked(request)
        return this.#custody.handOver(via, body)
      case 'relieve':
        mustBeLinked(request)
        return encode(relievedCodec, this.#custody.relieve(via, body))
      case 'offer': {
        if (!body.both) mustBeLinked(request)
        const verdict = body.both
          ? await this.#takeIn(body.entry, via, source === via && this.#ring.isNear(via))
          : this.#takeInFromPartner(body.entry, via)
        return encode(changeAnswerCodec, plainly(verdict))
      }
      case 'contested':
        this.onContested(body.key)
        return EMPTY
    }
  }

  /** Both replicas have an accepted entry, so either may answer for both. */
  #get(subKey: SubKey): Uint8Array {
    if (this.#custody.custodianOf(subKey) === undefined) {
      return encode(getAnswerCodec, { verdict: 'not-ready', entry: undefined })
    }
    const found = this.#store.get(subKey)
    const entry = found && this.#store.toMoving(found)
    return encode(getAnswerCodec, { verdict: found === undefined ? 'missing' : 'ok', entry })
  }

  async #coordinate(submitted: Submitted): Promise<ChangeAnswer> {
    const { subKey, change } = submitted.proven
    const custodian = this.#custody.custodianOf(subKey)
    if (custodian === undefined) return plainly('not-ready')
    if (this.#working.has(subKey)) return plainly('busy')
    this.#working.add(subKey)
    try {
      const answer = await this.#lead(submitted, custodian)
      if (answer.verdict === 'ok') this.#accept(submitted.proven, custodian)
      return answer.verdict === 'challenged' ? await this.#challengedByBoth(subKey, change, custodian) : answer
    } finally {
      this.#working.delete(subKey)
    }
  }

  #lead(submitted: Submitted, custodian: Custodian): Promise<ChangeAnswer> {
    if (custodian.partner === undefined) return Promise.resolve(this.#apply(submitted))
    return custodian.side === 'right' ? this.#leadAsLeft(submitted, custodian) : this.#leadAsRight(submitted, custodian)
  }

  /** One replica refused the change until its holder answers. The other may ask the same, so both challenge him at once. */
  async #challengedByBoth(subKey: SubKey, { statement }: Change, { partner }: Custodian): Promise<ChangeAnswer> {
    const { holder } = statement
    const theirs = partner && (await this.#ask(partner, { kind: 'challenge', key: subKey, holder }))
    const challenges = [this.#challenges.draw(subKey, holder), ...(theirs?.challenges ?? []).slice(0, 1)]
    return { ...plainly('challenged'), challenges }
  }

  /** Both replicas have the entry: it prevails over any that only one of them has. */
  #accept({ subKey, change }: Proven, { partner }: Custodian): void {
    const { holder } = change.statement
    if (this.#store.accept(subKey, holder) && partner !== undefined) void this.#tell(partner, subKey, holder)
  }

  /** Tells the other replica, which took the change before it could know whether this one would. */
  async #tell(partner: Address, key: SubKey, holder: Uint8Array): Promise<void> {
    const body = encode(dhtRequestCodec, { kind: 'accepted', key, holder })
    for (let i = 0; i < TELL_ACCEPTED_TRIES; i++) {
      try {
        await this.#ring.request(SERVICES.dht, partner, body, REPLICA_REQUEST)
        return
      } catch (error) {
        if (!(error instanceof DeliveryError)) throw error
      }
    }
  }

  /** This node is the left replica: it decides first, and undoes the change when the right one rejects it. */
  async #leadAsLeft(submitted: Submitted, custodian: Custodian): Promise<ChangeAnswer> {
    const { proven } = submitted
    const { subKey } = proven
    const before = this.#store.snapshot(subKey)
    const ours = this.#apply(submitted)
    if (isDeletion(proven)) return this.#deleteAtPartner(submitted, ours, custodian)
    if (ours.verdict !== 'ok') return ours
    const made = this.#store.snapshot(subKey)
    const theirs = await this.#askPartner(custodian, submitted)
    const answer = theirs.verdict === 'ok' && !this.#stillWith(subKey, custodian) ? plainly('not-ready') : theirs
    if (answer.verdict !== 'ok') this.#store.restore(subKey, made, before)
    return withChallenges(answer, ours)
  }

  /** A deletion removes what its signer holds, even an entry that only one replica has. */
  async #deleteAtPartner(submitted: Submitted, ours: ChangeAnswer, custodian: Custodian): Promise<ChangeAnswer> {
    if (ours.verdict !== 'ok' && ours.verdict !== 'missing') return ours
    return worst(await this.#askPartner(custodian, submitted), ours)
  }

  /** This node is the right replica: the left one decides first. */
  async #leadAsRight(submitted: Submitted, custodian: Custodian): Promise<ChangeAnswer> {
    const { proven, via } = submitted
    const deletes = isDeletion(proven)
    const forecast = this.#answer(proven, this.#store.judge(proven, via, this.#answeredAt(submitted)))
    if (forecast.verdict !== 'ok' && !deletes) return forecast
    const theirs = await this.#askPartner(custodian, submitted)
    if (theirs.verdict !== 'ok' && !deletes) return theirs
    if (!this.#stillWith(proven.subKey, custodian)) return plainly('not-ready')
    const ours = this.#apply(submitted)
    return deletes ? worst(theirs, ours) : withChallenges(ours, theirs)
  }

  #replicate(proven: Proven | undefined, via: Address, response: Response | undefined): ChangeAnswer {
    if (proven === undefined) return plainly('forged')
    const custodian = this.#custody.custodianOf(proven.subKey)
    if (custodian?.partner !== via) return plainly('not-ready')
    // Both replicas lead at the same moment: the left one goes first, the right one retries.
    if (custodian.side === 'right' && this.#working.has(proven.subKey)) return plainly('busy')
    return this.#apply({ proven, via, response })
  }

  #challenge(subKey: SubKey, holder: Uint8Array, via: Address): ChangeAnswer {
    if (this.#custody.custodianOf(subKey)?.partner !== via) return plainly('not-ready')
    return { ...plainly('challenged'), challenges: [this.#challenges.draw(subKey, holder)] }
  }

  /** An entry from a former replica, or from a reader that found it missing: both replicas take it, or neither. */
  async #takeIn(entry: MovingEntry, via: Address, trusted: boolean): Promise<Verdict> {
    const subKey = subKeyOf(entry.change.statement.key, entry.place)
    const custodian = this.#custody.custodianOf(subKey)
    if (custodian === undefined) return 'not-ready'
    const before = this.#store.snapshot(subKey)
    const ours = this.#custody.takeIn(entry, via, trusted)
    const made = this.#store.snapshot(subKey)
    if (ours !== 'ok' || made === undefined || custodian.partner === undefined) return ours
    const passedOn: DhtRequest = { kind: 'offer', entry: this.#store.toMoving(made), both: false }
    const { verdict } = await this.#ask(custodian.partner, passedOn)
    if (verdict === 'ok') this.#accept(made.proven, custodian)
    else this.#store.restore(subKey, made, before)
    return verdict
  }

  #takeInFromPartner(entry: MovingEntry, via: Address): Verdict {
    const custodian = this.#custody.custodianOf(subKeyOf(entry.change.statement.key, entry.place))
    return custodian?.partner === via ? this.#custody.takeIn(entry, via, true) : 'not-ready'
  }

  #apply(submitted: Submitted): ChangeAnswer {
    const { proven, via } = submitted
    return this.#answer(proven, this.#store.apply(proven, via, this.#answeredAt(submitted)))
  }

  #answeredAt({ proven, response }: Submitted): number | undefined {
    // Most changes renew a fresh entry, and need no second signature checked.
    return this.#store.isFresh(proven.subKey) ? undefined : this.#challenges.answeredAt(proven, response)
  }

  /**
   * The client of a stale change also gets the newer one, whose serial its next change must exceed. The client of a claim
   * gets the challenge that its next change must answer.
   */
  #answer({ subKey, change }: Proven, verdict: Verdict): ChangeAnswer {
    const newer = verdict === 'stale' ? this.#store.snapshot(subKey) : undefined
    const isClaim = verdict === 'ok' && change.statement.kind !== 'delete' && !this.#store.isFresh(subKey)
    const challenges = isClaim ? [this.#challenges.draw(subKey, change.statement.holder)] : []
    return { verdict, newer: newer && this.#store.toMoving(newer), challenges }
  }

  #askPartner({ partner }: Custodian, { proven, response }: Submitted): Promise<ChangeAnswer> {
    const { place, change } = proven
    const request: DhtRequest = { kind: 'replicate', place, change, response }
    return partner === undefined ? Promise.resolve(plainly('not-ready')) : this.#ask(partner, request)
  }

  async #ask(partner: Address, request: DhtRequest): Promise<ChangeAnswer> {
    const body = encode(dhtRequestCodec, request)
    try {
      const answer = await this.#ring.request(SERVICES.dht, partner, body, REPLICA_REQUEST)
      return decode(changeAnswerCodec, answer.body)
    } catch (error) {
      if (error instanceof DeliveryError || error instanceof DecodeError) return plainly('not-ready')
      throw error
    }
  }

  #stillWith(subKey: SubKey, custodian: Custodian): boolean {
    const now = this.#custody.custodianOf(subKey)
    return now?.partner === custodian.partner && now?.side === custodian.side
  }
}

/** A change as it came: over which link, and with the holder's answer to challenges, if any. */
interface Submitted {
  readonly proven: Proven
  readonly via: Address
  readonly response: Response | undefined
}

/** One replica's answer, with the challenges of both. Each replica draws one. */
function withChallenges(answer: ChangeAnswer, other: ChangeAnswer): ChangeAnswer {
  const challenges = [answer, other].flatMap(({ challenges }) => challenges.slice(0, 1))
  return answer.verdict === 'ok' ? { ...answer, challenges } : answer
}

function isDeletion({ change }: Proven): boolean {
  return change.statement.kind === 'delete'
}

/** @throws Refusal unless a linked node asks for itself. */
function mustBeLinked({ source, via }: Request): void {
  if (source !== via) throw new Refusal('only a linked node may ask that, and only for itself')
}

/** Combines two answers to a deletion: one success is enough when the other replica had nothing to delete. */
function worst(a: ChangeAnswer, b: ChangeAnswer): ChangeAnswer {
  if (a.verdict === 'ok') return b.verdict === 'missing' ? a : b
  return a.verdict === 'missing' ? b : a
}
