/** A stranger, who is no node of ours: he proves his own address, then sends whatever he likes on his link. */

import { DecodeError, decode, encode } from '../../agent/core/codec.ts'
import { type DhtRequest, dhtRequestCodec } from '../../agent/dht/messages.ts'
import { type Address, addressFromBytes } from '../../agent/overlay/address.ts'
import type { Link } from '../../agent/overlay/link.ts'
import { type Frame, type FrameOf, frameCodec } from '../../agent/overlay/messages.ts'
import { SERVICES } from '../../agent/overlay/overlay.ts'
import { endpointOf } from '../../sim/sim-link.ts'
import type { SimRing } from '../../sim/sim-ring.ts'

const PATIENCE_MS = 5_000

export interface Asking {
  readonly target: Address
  /** The address in whose name he asks; by default his own. */
  readonly source?: Address
  readonly delivery?: 'closest' | 'exact'
  readonly hops?: number
}

export class Stranger {
  readonly address: Address
  readonly victim: Address
  /** Called with each frame that answers none of his requests. */
  onHeard: (frame: Frame) => void = () => {}
  readonly #sim: SimRing
  readonly #link: Link
  readonly #waiting = new Map<number, (frame: FrameOf<'answer'> | FrameOf<'failure'>) => void>()
  #id = 1

  constructor(sim: SimRing, victim: Address, address: Address, link: Link) {
    this.#sim = sim
    this.victim = victim
    this.address = address
    this.#link = link
    link.onFrame = (bytes) => this.#onFrame(bytes)
  }

  static async at(sim: SimRing, victim: Address, address = addressFromBytes(sim.random.bytes(20))): Promise<Stranger> {
    const links = sim.network.host(address)
    const link = await sim.clock.complete(links.dialEndpoint(endpointOf(victim)))
    return new Stranger(sim, victim, address, link)
  }

  send(frame: Frame): boolean {
    return this.raw(encode(frameCodec, frame))
  }

  /** False when the victim closed the link. */
  raw(bytes: Uint8Array): boolean {
    return this.#link.send(bytes)
  }

  close(): void {
    this.#link.close()
  }

  /** Asks without waiting for the answer. */
  tell(request: DhtRequest, asking: Asking): void {
    this.send({
      kind: 'request',
      id: this.#id++,
      source: asking.source ?? this.address,
      target: asking.target,
      delivery: asking.delivery ?? 'closest',
      service: SERVICES.dht,
      hops: asking.hops ?? 1,
      patienceMs: PATIENCE_MS,
      body: encode(dhtRequestCodec, request),
    })
  }

  /** Asks and returns the answer's body; undefined when the request is refused or gets no answer. */
  async ask(request: DhtRequest, asking: Asking): Promise<Uint8Array | undefined> {
    const id = this.#id
    const answer = new Promise<Uint8Array | undefined>((resolve) => {
      this.#waiting.set(id, (frame) => resolve(frame.kind === 'answer' ? frame.body : undefined))
      this.#sim.clock.after(PATIENCE_MS, () => resolve(undefined))
    })
    this.tell(request, asking)
    const body = await this.#sim.clock.complete(answer)
    this.#waiting.delete(id)
    return body
  }

  #onFrame(bytes: Uint8Array): void {
    try {
      const frame = decode(frameCodec, bytes)
      const isReply = frame.kind === 'answer' || frame.kind === 'failure'
      const waiting = isReply ? this.#waiting.get(frame.id) : undefined
      if (isReply && waiting !== undefined) waiting(frame)
      else this.onHeard(frame)
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
    }
  }
}
