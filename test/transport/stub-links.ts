/** A link layer of which a test says how long dials take and whether they succeed. */

import { toAddress } from '../../agent/overlay/address.ts'
import type { Contact, Link, LinkLayer } from '../../agent/overlay/link.ts'
import type { LinkError } from '../../agent/transport/errors.ts'
import type { VirtualClock } from '../../sim/virtual-clock.ts'

/** A layer whose every dial takes `ms`, then succeeds or fails. */
export class StubLinks implements LinkLayer {
  readonly self = toAddress(1n)
  readonly dialledAt: number[] = []
  readonly given: string[] = []
  calledOff = 0
  readonly closed: Link[] = []
  /** `heedless`: goes on when it is called off. */
  outcome: { afterMs: number; fails?: LinkError; heedless?: true } = { afterMs: 10 }
  readonly clock: VirtualClock
  readonly #endpoints: string[]
  onLink: (link: Link) => void = () => {}
  onDiscovered: (endpoint: string) => void = () => {}
  onEndpoints: () => void = () => {}

  constructor(clock: VirtualClock, endpoints: string[]) {
    this.clock = clock
    this.#endpoints = endpoints
  }

  endpoints(): string[] {
    return this.#endpoints
  }

  dial(contact: Contact, signal?: AbortSignal): Promise<Link> {
    this.dialledAt.push(this.clock.now())
    const { afterMs, fails, heedless } = this.outcome
    return new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => {
        this.calledOff++
        if (!heedless) reject(signal.reason)
      })
      this.clock.after(afterMs, () => (fails === undefined ? resolve(this.#link(contact)) : reject(fails)))
    })
  }

  isImprovable({ relayed }: Link): boolean {
    return relayed
  }

  dialBetter(contact: Contact, _standing: Link, signal?: AbortSignal): Promise<Link> {
    return this.dial(contact, signal)
  }

  dialEndpoint(endpoint: string, signal?: AbortSignal): Promise<Link> {
    this.given.push(endpoint)
    return this.dial({ address: this.self, endpoints: [] }, signal)
  }

  dialThrough(_relay: unknown, contact: Contact, signal?: AbortSignal): Promise<Link> {
    return this.dial(contact, signal)
  }

  isGuarded(): boolean {
    return false
  }

  needs(): boolean {
    return false
  }

  prove(nonce: Uint8Array): Uint8Array {
    return nonce
  }

  isOwnProof(): boolean {
    return false
  }

  async stop(): Promise<void> {}

  #link({ address }: Contact): Link {
    const remote = this.#endpoints[0] ?? ''
    const link: Link = {
      peer: address,
      outgoing: true,
      relayed: false,
      remote,
      send: () => true,
      close: () => this.closed.push(link),
      onFrame: () => {},
      onClose: () => {},
    }
    return link
  }
}
