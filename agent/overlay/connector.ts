/**
 * Gets a link to a node by any way that works: dial it, ask it to dial us, or go through a node linked to both.
 *
 * Guarantees: one attempt per node runs at a time, and a resolved `connect` means that a link was adopted.
 */

import type { Clock } from '../core/clock.ts'
import { DecodeError, decode, encode } from '../core/codec.ts'
import { timeLimit } from '../core/deadline.ts'
import { type Address, formatAddress } from './address.ts'
import {
  DIAL_BACK_TIMEOUT_MS,
  DIAL_TIMEOUT_MS,
  HEAD_START_MS,
  MAX_DIAL_BACKS,
  MAX_DIAL_BACKS_PER_LINK,
  MAX_RELAYS_TRIED,
} from './constants.ts'
import type { GivenUp } from './given-up.ts'
import type { Contact, Link, LinkLayer } from './link.ts'
import { LinkShares } from './link-shares.ts'
import { ringAnswerCodec, ringRequestCodec } from './messages.ts'
import { DeliveryError, type Overlay, type RequestOptions, SERVICES } from './overlay.ts'
import type { Peers } from './peers.ts'
import type { Router } from './router.ts'

export class Connector {
  readonly #links: LinkLayer
  readonly #router: Router
  readonly #clock: Clock
  readonly #adopt: (link: Link) => void
  readonly #peers: Pick<Peers, 'get' | 'relaysFor'>
  readonly #givenUp: Pick<GivenUp, 'gaveUpMs'>
  readonly #attempts = new Map<Address, Promise<void>>()
  /** Peers that were asked to dial this node, and through whom. */
  readonly #awaited = new Map<Address, { readonly via: Address | undefined; readonly linked: () => void }>()
  readonly #dialBacks = new LinkShares({ all: MAX_DIAL_BACKS, perLink: MAX_DIAL_BACKS_PER_LINK })

  constructor(parts: {
    links: LinkLayer
    router: Router
    clock: Clock
    adopt: (link: Link) => void
    peers: Pick<Peers, 'get' | 'relaysFor'>
    givenUp: Pick<GivenUp, 'gaveUpMs'>
  }) {
    this.#links = parts.links
    this.#router = parts.router
    this.#clock = parts.clock
    this.#adopt = parts.adopt
    this.#peers = parts.peers
    this.#givenUp = parts.givenUp
  }

  /**
   * Links to `peer`. `via` is a peer that is linked to it too; without `via` the ring is asked.
   *
   * @throws DeliveryError when no way works.
   */
  connect(peer: Address, via?: Address, known?: Contact): Promise<void> {
    const running = this.#attempts.get(peer)
    if (running !== undefined) return running
    const attempt = this.#attempt(peer, via, known).finally(() => this.#attempts.delete(peer))
    this.#attempts.set(peer, attempt)
    return attempt
  }

  isTrying(peer: Address): boolean {
    return this.#attempts.has(peer)
  }

  /** A node that cannot reach us, or not as well as it might, asks to be dialled. Its request came over the link to `via`. */
  onDialBack(asker: Contact, via: Address): void {
    const standing = this.#peers.get(asker.address)?.link
    if (asker.address === this.#links.self) return
    if (standing !== undefined && !this.#links.isImprovable(standing, asker.endpoints)) return
    // The asker names the endpoints: a stranger must not make this node dial the whole world.
    if (!this.#dialBacks.take(via)) return
    const dial = standing === undefined ? this.#dial(asker) : this.#dialBetter(asker, standing)
    void dial.finally(() => this.#dialBacks.release(via))
  }

  /**
   * Tries to get a better link to a node than the standing one. Both ends dial at the same moment: what each sends opens its
   * NAT to the other ("hole punching", RFC 5128 section 3.3).
   */
  async punch(contact: Contact, standing: Link): Promise<void> {
    void this.#requestDialBack(contact.address).catch(() => {
      // The peer does not dial; it may be reached all the same.
    })
    await this.#dialBetter(contact, standing)
  }

  /** This node is reached elsewhere now, such as through a relay that has just taken it in: tells those that are to dial it. */
  askAgain(): void {
    for (const [peer, { via }] of this.#awaited) void this.#requestDialBack(peer, via).catch(() => {})
  }

  /** A link to `peer` came up; either side may have opened it. */
  onLinked(peer: Address): void {
    this.#awaited.get(peer)?.linked()
  }

  async #attempt(peer: Address, via: Address | undefined, known: Contact | undefined): Promise<void> {
    if (this.#isLinked(peer)) return
    const contact = known ?? (await this.#contactOf(peer, via))
    const relays = () => (via === undefined ? this.#peers.relaysFor(peer, MAX_RELAYS_TRIED) : [via])
    const ways = [() => this.#dial(contact), () => this.#askBack(peer, via), () => this.#throughAny(relays(), contact)]
    // Where a link has just fallen silent, a dial is no more likely to work than the other ways.
    const isInDoubt = this.#links.isGuarded(contact) || this.#givenUp.gaveUpMs(peer) > 0
    if (await this.#firstThatWorks(ways, isInDoubt ? 0 : HEAD_START_MS)) return
    throw new DeliveryError('no-answer', `node ${formatAddress(peer)} cannot be reached by any way`)
  }

  /** Tries each way once the one before it failed or took `headStartMs`; a slow, better way may still work later. */
  #firstThatWorks(ways: readonly (() => Promise<boolean>)[], headStartMs: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      let begun = 0
      let failed = 0
      let works = false
      const next = () => {
        const way = ways[begun]
        if (way === undefined || works) return
        const turn = ++begun
        const timer = this.#clock.after(headStartMs, next)
        way().then((linked) => {
          timer.cancel()
          works ||= linked
          if (linked) resolve(true)
          else if (++failed === ways.length) resolve(false)
          else if (turn === begun) next()
        }, reject)
      }
      next()
    })
  }

  async #contactOf(peer: Address, via: Address | undefined): Promise<Contact> {
    const body = encode(ringRequestCodec, { kind: 'contact', of: peer })
    const answer = await this.#router.request(SERVICES.ring, via ?? peer, body, { delivery: 'exact' })
    const contact = decodeContacts(answer.body).find(({ address }) => address === peer)
    if (contact === undefined) throw new DeliveryError('no-route', `nobody knows node ${formatAddress(peer)}`)
    return contact
  }

  async #dial(contact: Contact): Promise<boolean> {
    if (contact.endpoints.length === 0) return this.#isLinked(contact.address)
    return this.#open(contact.address, (signal) => this.#links.dial(contact, signal))
  }

  #dialBetter(contact: Contact, standing: Link): Promise<boolean> {
    return this.#open(contact.address, (signal) => this.#links.dialBetter(contact, standing, signal))
  }

  async #dialThrough(relay: Address, contact: Contact): Promise<boolean> {
    return this.#open(contact.address, (signal) => this.#links.dialThrough(relay, contact, signal))
  }

  /** A relay that has no link to the peer says so at once. */
  async #throughAny(relays: readonly Address[], contact: Contact): Promise<boolean> {
    const tries = relays.map(async (relay) => {
      if (!(await this.#dialThrough(relay, contact))) throw new DeliveryError('no-answer', 'not through this one')
    })
    return await Promise.any(tries).then(
      () => true,
      () => false,
    )
  }

  async #open(peer: Address, dial: (signal: AbortSignal) => Promise<Link>): Promise<boolean> {
    const limit = timeLimit(this.#clock, DIAL_TIMEOUT_MS)
    try {
      this.#adopt(await dial(limit.signal))
      return true
    } catch {
      // The peer may have dialled us meanwhile.
      return this.#isLinked(peer)
    } finally {
      limit.cancel()
    }
  }

  async #askBack(peer: Address, via: Address | undefined): Promise<boolean> {
    if (this.#links.endpoints().length === 0) return false
    const came = this.#awaitLink(peer, via)
    try {
      await this.#requestDialBack(peer, via)
    } catch (error) {
      if (error instanceof DeliveryError) return this.#isLinked(peer)
      throw error
    }
    return came
  }

  /** @throws DeliveryError */
  async #requestDialBack(peer: Address, via?: Address): Promise<void> {
    const asker: Contact = { address: this.#links.self, endpoints: this.#links.endpoints() }
    const body = encode(ringRequestCodec, { kind: 'dialBack', asker })
    await this.#router.request(SERVICES.ring, peer, body, { delivery: 'exact', through: via })
  }

  #isLinked(peer: Address): boolean {
    return this.#peers.get(peer) !== undefined
  }

  #awaitLink(peer: Address, via: Address | undefined): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(DIAL_BACK_TIMEOUT_MS, () => {
        this.#awaited.delete(peer)
        resolve(this.#isLinked(peer))
      })
      const linked = () => {
        this.#awaited.delete(peer)
        timer.cancel()
        resolve(true)
      }
      this.#awaited.set(peer, { via, linked })
    })
  }
}

/** The nodes around `target` as the node that answers sees them, itself first. @throws DeliveryError */
export async function neighborsNamed(
  overlay: Pick<Overlay, 'request'>,
  target: Address,
  options: RequestOptions,
): Promise<readonly Contact[]> {
  const body = encode(ringRequestCodec, { kind: 'neighbors' })
  return decodeContacts((await overlay.request(SERVICES.ring, target, body, options)).body)
}

/** @throws DeliveryError when the bytes are not contacts: such an answer counts as none. */
export function decodeContacts(body: Uint8Array): readonly Contact[] {
  try {
    return decode(ringAnswerCodec, body).contacts
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    throw new DeliveryError('no-answer', `the answer makes no sense: ${error.message}`)
  }
}

export function encodeContacts(contacts: Contact[]): Uint8Array {
  return encode(ringAnswerCodec, {
    contacts: contacts.map(({ address, endpoints }) => ({ address, endpoints: [...endpoints] })),
  })
}
