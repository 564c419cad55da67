/**
 * How a client of a shared ring speaks to the replicas of a sub-key: with each of the two itself, over links that prove
 * who they are. On the way of a routed request any node may answer in place of the nearest one.
 *
 * Guarantees: a change counts only when both nodes beside the sub-key show it; what is read comes from one of them. So a
 * sub-key lies only when both of its replicas do, or when every way to it leads through liars (`Beside`).
 */

import { equal } from '../core/bytes.ts'
import { decode, encode } from '../core/codec.ts'
import type { Address } from '../overlay/address.ts'
import { SERVICES } from '../overlay/overlay.ts'
import type { Beside, Surroundings } from './beside.ts'
import { ATTEMPT_TIMEOUT_MS } from './constants.ts'
import type { SubKey } from './dht.ts'
import {
  type Change,
  type ChangeAnswer,
  type ChangeRequest,
  changeAnswerCodec,
  type DhtRequest,
  dhtRequestCodec,
  getAnswerCodec,
  type MovingEntry,
  plainly,
} from './messages.ts'
import { prove } from './proof.ts'

export class Direct {
  readonly #ring: Surroundings
  readonly #beside: Beside

  constructor({ ring, beside }: { ring: Surroundings; beside: Beside }) {
    this.#ring = ring
    this.#beside = beside
  }

  /** @throws DeliveryError, DecodeError */
  async change(subKey: SubKey, request: ChangeRequest): Promise<ChangeAnswer> {
    const { change } = request
    const sides = await this.#beside.find(subKey)
    if (sides === undefined) return plainly('not-ready')
    const { left, right } = sides
    const answer = decode(changeAnswerCodec, await this.#ask(left, request))
    if (answer.verdict !== 'ok' || change.statement.kind === 'delete') return answer
    // A left replica that lies has passed nothing on.
    if (!(await this.#shows(right, subKey, change))) {
      const second = decode(changeAnswerCodec, await this.#ask(right, request))
      if (second.verdict !== 'ok') return second
      if (!(await this.#shows(right, subKey, change))) return plainly('not-ready')
    }
    return (await this.#shows(left, subKey, change)) ? answer : plainly('not-ready')
  }

  /**
   * What the two replicas have; of two entries of one holder the newer. Undefined when they are not ready, or differ.
   *
   * @throws DeliveryError, DecodeError when neither answers
   */
  async read(subKey: SubKey): Promise<'missing' | MovingEntry | undefined> {
    const sides = await this.#beside.find(subKey)
    if (sides === undefined) return undefined
    const looks = await Promise.allSettled([sides.left, sides.right].map((replica) => this.#look(replica, subKey)))
    const heard = looks.flatMap((look) => (look.status === 'fulfilled' ? [look.value] : []))
    const failed = looks.find((look) => look.status === 'rejected')
    if (heard.length === 0 && failed !== undefined) throw failed.reason
    const entries = heard.filter((value) => value !== 'missing' && value !== undefined)
    const [one, other] = entries
    if (one === undefined) return heard.includes('missing') ? 'missing' : undefined
    if (other === undefined) return one
    const [a, b] = [one.change.statement, other.change.statement]
    if (!equal(a.holder, b.holder)) return undefined
    return a.serial >= b.serial ? one : other
  }

  async #shows(replica: Address, subKey: SubKey, { statement }: Change): Promise<boolean> {
    const entry = await this.#look(replica, subKey)
    if (entry === undefined || entry === 'missing') return false
    const { holder, serial } = entry.change.statement
    return equal(holder, statement.holder) && serial >= statement.serial
  }

  async #look(replica: Address, subKey: SubKey): Promise<'missing' | MovingEntry | undefined> {
    const { verdict, entry } = decode(getAnswerCodec, await this.#ask(replica, { kind: 'look', key: subKey }))
    if (verdict === 'missing') return verdict
    if (verdict !== 'ok' || entry === undefined) return undefined
    return prove(entry.place, entry.change)?.subKey === subKey ? entry : undefined
  }

  async #ask(replica: Address, request: DhtRequest): Promise<Uint8Array> {
    const body = encode(dhtRequestCodec, request)
    const options = { delivery: 'exact', timeoutMs: ATTEMPT_TIMEOUT_MS } as const
    return (await this.#ring.request(SERVICES.dht, replica, body, options)).body
  }
}
