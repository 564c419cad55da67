/**
 * The links of a liar: its own honest code runs above them, and what goes out or comes in may be bent on the way. As any
 * node of a shared ring, a liar proves who it is on every link; it may say there whatever it likes.
 */

import { decode, encode } from '../agent/core/codec.ts'
import type { Address } from '../agent/overlay/address.ts'
import type { Contact, Link, LinkLayer, Priority } from '../agent/overlay/link.ts'
import { type Frame, frameCodec } from '../agent/overlay/messages.ts'

export interface Bend {
  /** What is sent in place of a frame of the honest code. */
  outgoing(frame: Frame): Frame
  /** Whether a frame is kept from the honest code. `reply` sends a frame back. */
  keeps(frame: Frame, reply: (frame: Frame) => void): boolean
}

export class BentLinks implements LinkLayer {
  readonly self: Address
  readonly #links: LinkLayer
  readonly #bend: Bend
  readonly #open = new Set<Link>()

  constructor(links: LinkLayer, bend: Bend) {
    this.self = links.self
    this.#links = links
    this.#bend = bend
  }

  /** Says something to everybody who is linked. */
  say(frame: Frame): void {
    for (const link of this.#open) link.send(encode(frameCodec, frame))
  }

  endpoints(): string[] {
    return this.#links.endpoints()
  }

  async dial(contact: Contact, signal?: AbortSignal): Promise<Link> {
    return this.#take(await this.#links.dial(contact, signal))
  }

  isImprovable(standing: Link, endpoints: readonly string[]): boolean {
    return this.#links.isImprovable(standing, endpoints)
  }

  async dialBetter(contact: Contact, standing: Link, signal?: AbortSignal): Promise<Link> {
    return this.#take(await this.#links.dialBetter(contact, standing, signal))
  }

  async dialEndpoint(endpoint: string, signal?: AbortSignal): Promise<Link> {
    return this.#take(await this.#links.dialEndpoint(endpoint, signal))
  }

  async dialThrough(relay: Address, contact: Contact, signal?: AbortSignal): Promise<Link> {
    return this.#take(await this.#links.dialThrough(relay, contact, signal))
  }

  prove(nonce: Uint8Array): Uint8Array {
    return this.#links.prove(nonce)
  }

  isOwnProof(nonce: Uint8Array, proof: Uint8Array): boolean {
    return this.#links.isOwnProof(nonce, proof)
  }

  set onLink(handler: (link: Link) => void) {
    this.#links.onLink = (link) => handler(this.#take(link))
  }

  set onDiscovered(handler: (endpoint: string) => void) {
    this.#links.onDiscovered = handler
  }

  isGuarded(contact: Contact): boolean {
    return this.#links.isGuarded(contact)
  }

  needs(peer: Address): boolean {
    return this.#links.needs(peer)
  }

  set onEndpoints(handler: () => void) {
    this.#links.onEndpoints = handler
  }

  stop(): Promise<void> {
    return this.#links.stop()
  }

  #take(link: Link): Link {
    const bent = new BentLink(link, this.#bend, () => this.#open.delete(link))
    this.#open.add(link)
    return bent
  }
}

class BentLink implements Link {
  readonly #link: Link
  readonly #bend: Bend
  readonly #closed: () => void

  constructor(link: Link, bend: Bend, closed: () => void) {
    this.#link = link
    this.#bend = bend
    this.#closed = closed
  }

  get peer(): Address {
    return this.#link.peer
  }

  get outgoing(): boolean {
    return this.#link.outgoing
  }

  get relayed(): boolean {
    return this.#link.relayed
  }

  get remote(): string {
    return this.#link.remote
  }

  send(bytes: Uint8Array, priority?: Priority): boolean {
    return this.#link.send(encode(frameCodec, this.#bend.outgoing(decode(frameCodec, bytes))), priority)
  }

  close(): void {
    this.#link.close()
  }

  set onFrame(handler: (bytes: Uint8Array) => void) {
    const reply = (frame: Frame) => void this.#link.send(encode(frameCodec, frame))
    this.#link.onFrame = (bytes) => {
      if (!this.#bend.keeps(decode(frameCodec, bytes), reply)) handler(bytes)
    }
  }

  set onClose(handler: () => void) {
    this.#link.onClose = () => {
      this.#closed()
      handler()
    }
  }
}
