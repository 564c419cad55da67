/**
 * The boundary between the overlay and the layer that carries its frames: UDP and libp2p in the agent, the simulator in tests.
 *
 * What a `LinkLayer` guarantees:
 * - a `Link` is authenticated: `link.peer` is the address of the key that the other end proved to own;
 * - frames arrive whole, in order and unaltered, or the link closes (the simulator may be told to lose some);
 * - `send` never blocks and never throws; it returns false when the frame was dropped because too much is waiting;
 * - `onClose` is called exactly once, even for a link that this side closed, and no frame comes after it;
 * - frames that arrive before `onFrame` is set are kept.
 */

import type { Address } from './address.ts'

/** How to reach a node: its address and where it listens, best first (multiaddrs in the agent). */
export interface Contact {
  readonly address: Address
  readonly endpoints: readonly string[]
}

export type Priority = 'control' | 'bulk'

/**
 * `direct`: the peer is reached where it listens. `punched`: at an outer endpoint of its NAT. `relayed`: through a third node. `tcp`:
 * directly, but over TCP.
 */
export type PathKind = 'direct' | 'punched' | 'relayed' | 'tcp'

export type Carrier = 'udp' | 'tcp'

/** How the frames of a link get to the peer; for people to read. */
export interface LinkPath {
  readonly kind: PathKind
  readonly carrier: Carrier
  /** The third node of a `relayed` one, if it is known. */
  readonly through: Address | undefined
  /** Share of what was lately sent that got lost and was sent again, 0 to 1; undefined: that is not known. */
  readonly loss: number | undefined
}

export interface Link {
  readonly peer: Address
  /** Whether this side dialled. */
  readonly outgoing: boolean
  /** Whether a third node carries the bytes. */
  readonly relayed: boolean
  /** undefined where there is but one. */
  readonly carrier?: Carrier
  /** Where the peer was reached, or where it came from; for people to read. */
  readonly remote: string
  /** For how long nothing need be said on it, ms: what is on the way to the peer forgets it later; undefined: that is not known. */
  readonly quietMs?: number
  /** How the peer is reached, which says that it is reached at `endpoints`; undefined: the layer cannot tell. */
  path?(endpoints: readonly string[]): LinkPath
  /** Sends at most `MAX_FRAME` bytes. When the link is full, bulk frames are dropped first. */
  send(frame: Uint8Array, priority?: Priority): boolean
  close(): void
  set onFrame(handler: (frame: Uint8Array) => void)
  set onClose(handler: () => void)
}

export interface LinkLayer {
  readonly self: Address
  /** Where others can reach this node now; grows when relays take it in. */
  endpoints(): string[]
  /** Opens a link to a known node, or brings the one that stands. @throws when none of its endpoints answers, or the answer proves another address. */
  dial(contact: Contact, signal?: AbortSignal): Promise<Link>
  /** Whether a better link than this one may be had to the peer, which says that it is reached at `endpoints`. */
  isImprovable(standing: Link, endpoints: readonly string[]): boolean
  /** Opens a link that is better than the standing one: never through a third node. @throws as `dial`. */
  dialBetter(contact: Contact, standing: Link, signal?: AbortSignal): Promise<Link>
  /** Opens a link to the node that listens at `endpoint`, which the user gave or a search of the layer's own found. @throws as `dial`. */
  dialEndpoint(endpoint: string, signal?: AbortSignal): Promise<Link>
  /** Opens a link to `contact` through `relay`, a node we are linked to. @throws when the relay or the peer refuses. */
  dialThrough(relay: Address, contact: Contact, signal?: AbortSignal): Promise<Link>
  /** Whether the node can as a rule be reached directly only while it dials, too: it is behind a NAT. */
  isGuarded(contact: Contact): boolean
  /** Whether the link to `peer` must stay, although nobody else wants it: other links run through that node. */
  needs(peer: Address): boolean
  /** Proves with a nonce that this run holds the key behind `self`. */
  prove(nonce: Uint8Array): Uint8Array
  /** Whether a proof was made for the nonce with the key behind `self`, by this run or another. */
  isOwnProof(nonce: Uint8Array, proof: Uint8Array): boolean
  /** Links that others opened. */
  set onLink(handler: (link: Link) => void)
  /** `endpoints` has changed. */
  set onEndpoints(handler: () => void)
  /** Nodes that announced themselves on the LAN (mDNS). */
  set onDiscovered(handler: (endpoint: string) => void)
  stop(): Promise<void>
}

/** The largest frame a link carries, in bytes: a full tap frame with its headers, or a page of a handover. */
export const MAX_FRAME = 128 * 1024
