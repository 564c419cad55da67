/**
 * An attacker against the changes of others. He sees every change that a host asks for, keeps it for ever, and knows no
 * password. He speaks over links of his own, and can hold back what clients send or what they are answered.
 */

import { equal } from '../../agent/core/bytes.ts'
import { decode, encode } from '../../agent/core/codec.ts'
import type { KeyPair } from '../../agent/core/ed25519.ts'
import {
  type Change,
  changeAnswerCodec,
  type DhtRequest,
  dhtRequestCodec,
  type MovingEntry,
  type Statement,
} from '../../agent/dht/messages.ts'
import { prove, signChange } from '../../agent/dht/proof.ts'
import { subKeyOf } from '../../agent/dht/sub-keys.ts'
import { isCloser } from '../../agent/overlay/address.ts'
import { type Answer, DeliveryError, SERVICES } from '../../agent/overlay/overlay.ts'
import type { SimCluster, SimHost } from '../../sim/sim-cluster.ts'
import { Stranger } from '../fuzz/stranger.ts'

/** How a change reaches a replica: as a client's, a reader's, or in the name of the other replica. */
export type Way = 'change' | 'offer' | 'partner-offer' | 'replicate'
/** Which parts of one change the attacker puts into another. */
export const PARTS = [
  'kind',
  'key',
  'holder',
  'serial',
  'value',
  'ttlMs',
  'publisher',
  'signature',
  'former',
] as const satisfies (keyof Statement | keyof Change)[]
export type Part = (typeof PARTS)[number]
/**
 * What becomes of a client's request: the attacker keeps it, or the answer to it, or brings a copy first in which he says
 * that he was the holder before.
 */
export type Meddling = 'keep requests' | 'keep answers' | 'add himself'

const HOUR = 3_600_000

export class Attacker {
  readonly #sim: SimCluster
  readonly #own: KeyPair
  readonly kept: Change[] = []
  /** Requests that he holds back. */
  readonly #pending: { place: number; change: Change }[] = []
  #meddling: Meddling = 'keep requests'
  #places: readonly number[] = []

  /** `own`: the key pair of a password of his own. */
  constructor(sim: SimCluster, own: KeyPair) {
    this.#sim = sim
    this.#own = own
  }

  /** From now on he sees what this host asks. */
  tap({ ring }: SimHost): void {
    const ask = ring.request.bind(ring)
    ring.request = async (service, target, bytes, options): Promise<Answer> => {
      const body = service === SERVICES.dht ? decode(dhtRequestCodec, bytes) : undefined
      const change = body === undefined ? undefined : changeIn(body)
      if (change !== undefined) this.#keep(change)
      if (body?.kind !== 'change' || !this.#places.includes(body.place)) return ask(service, target, bytes, options)
      if (this.#meddling === 'add himself') {
        await ask(service, target, encode(dhtRequestCodec, { ...body, change: withFormer(body.change, this.#own) }))
        return ask(service, target, bytes, options)
      }
      if (this.#meddling === 'keep requests') this.#pending.push({ place: body.place, change: body.change })
      else await ask(service, target, bytes, options)
      throw new DeliveryError('no-answer', 'held back')
    }
  }

  /** Meddles with what clients send to these places of any key; no place: with nothing more. */
  meddle(meddling: Meddling, places: readonly number[]): void {
    this.#meddling = meddling
    this.#places = places
  }

  get withholds(): boolean {
    return this.#places.length > 0 && this.#meddling !== 'add himself'
  }

  /** Lets the requests go that he held back, the last one first or in their order. */
  async deliver(lastFirst: boolean): Promise<void> {
    this.#places = []
    const pending = this.#pending.splice(0)
    for (const { place, change } of lastFirst ? pending.reverse() : pending) await this.send(change, place, 'change')
  }

  /** Brings a change to the node that answers for a place of its key; a forged one never gets in. */
  async send(change: Change, place: number, way: Way): Promise<void> {
    const subKey = subKeyOf(change.statement.key, place)
    const [left, right] = (['left', 'right'] as const).map((side) => this.#sim.trueSide(subKey, side))
    const victim = isCloser(subKey, left!, right!) ? left! : right!
    const stranger = await Stranger.at(this.#sim, victim)
    // In the name of the other replica he says what only that one could know.
    const source =
      way === 'replicate' || way === 'partner-offer' ? (victim === left ? right! : left!) : stranger.address
    const body = await stranger.ask(requestFor(change, place, way), { target: subKey, source })
    stranger.close()
    if (body === undefined || prove(place, change) !== undefined) return
    if (decode(changeAnswerCodec, body).verdict === 'ok') throw new Error('a forged change was taken')
  }

  /** One kept change with parts of another. */
  graft(onto: number, from: number, parts: readonly Part[]): Change | undefined {
    const [a, b] = [this.pick(onto), this.pick(from)]
    if (a === undefined || b === undefined) return undefined
    const mixed = { ...a.statement, signature: a.signature, former: a.former }
    const donor = { ...b.statement, signature: b.signature, former: b.former }
    Object.assign(mixed, Object.fromEntries(parts.map((part) => [part, donor[part]])))
    const { signature, former, ...statement } = mixed
    return { statement, signature, former }
  }

  /** Any kept change; undefined when he has seen none. */
  pick(which: number): Change | undefined {
    return this.kept[which % Math.max(1, this.kept.length)]
  }

  #keep(change: Change): void {
    if (!this.kept.some(({ signature }) => equal(signature, change.signature))) this.kept.push(change)
  }
}

/** The change as it is, and in it somebody who says that he was the holder before. */
function withFormer({ statement, signature }: Change, former: KeyPair): Change {
  return signChange(statement, { publicKey: statement.holder, sign: () => signature }, former)
}

function changeIn(body: DhtRequest): Change | undefined {
  if (body.kind === 'change' || body.kind === 'replicate') return body.change
  return body.kind === 'offer' ? body.entry.change : undefined
}

function requestFor(change: Change, place: number, way: Way): DhtRequest {
  if (way === 'change' || way === 'replicate') return { kind: way, place, change, response: undefined }
  const { holder } = change.statement
  // Older than all else, held by both replicas, and following whoever holds the key: all of it is only his word.
  const entry: MovingEntry = {
    place,
    change,
    ttlMs: HOUR,
    ageMs: HOUR,
    accepted: true,
    fresh: true,
    follows: { holder, serial: 1 },
  }
  return { kind: 'offer', entry, both: way === 'offer' }
}
