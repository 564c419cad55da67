/**
 * Near links: the ring itself.
 *
 * A node links to every node it hears of that would be one of its nearest on either side. Neighbours tell each other
 * their nearest, so rings close and merge by talking. `bothNeighborsAgree` is the paper's test (section 4): links to
 * the left and right neighbour are up, and each of the two names this node as its own neighbour on that side. So
 * neither knows of a node in between. A node in between that cannot be reached for `GHOST_MS` does not count: a neighbour
 * that names nodes which are not there must not keep this one off the ring. If it is there after all, the neighbour goes
 * on refusing to share the arc between the two with this node.
 */

import { Backoff } from '../core/backoff.ts'
import type { Clock } from '../core/clock.ts'
import { type Address, isBetween } from './address.ts'
import type { Connector } from './connector.ts'
import { GHOST_MS, HEAD_START_MS, NEAR_PER_SIDE, REDIAL_MAX_MS, REDIAL_MIN_MS } from './constants.ts'
import { Hearsay } from './hearsay.ts'
import type { Contact } from './link.ts'
import { estimateSize, isSameSide, nearest, type Side } from './neighborhood.ts'
import type { Peer, Peers } from './peers.ts'

interface Failure {
  /** When the node was first out of reach. */
  readonly since: number
  readonly backoff: Backoff
  until: number
}

interface Heard {
  readonly via: Address | undefined
  readonly contact: Contact | undefined
}

export class NearLinks {
  readonly #self: Address
  readonly #peers: Peers
  readonly #clock: Clock
  readonly #connector: Connector
  readonly #changed: () => void
  /** Nodes named by lookups or by near nodes that are gone. Nodes that a peer's status names need not be kept. */
  readonly #named = new Map<Address, Contact | undefined>()
  /** Nodes whose dial takes longer than `HEAD_START_MS`. */
  readonly #slow = new Set<Address>()
  readonly #failures = new Map<Address, Failure>()
  readonly #hearsay: Hearsay
  #agreed = false
  left: readonly Address[] = []
  right: readonly Address[] = []

  constructor(parts: { self: Address; peers: Peers; clock: Clock; connector: Connector; changed: () => void }) {
    this.#self = parts.self
    this.#peers = parts.peers
    this.#clock = parts.clock
    this.#connector = parts.connector
    this.#changed = parts.changed
    this.#hearsay = new Hearsay(parts.clock)
  }

  /** Links to both neighbours are up and both agree. False without any link: `Connectivity` decides for a lone node. */
  get bothNeighborsAgree(): boolean {
    const left = this.left[0]
    const right = this.right[0]
    if (left === undefined || right === undefined) return false
    return this.#namesThisNode(left, 'right') && this.#namesThisNode(right, 'left')
  }

  /** Whether a neighbour names this node first on that side of itself, or only nodes before it that are not there. */
  #namesThisNode(neighbor: Address, side: Side): boolean {
    const named = this.#peers.get(neighbor)?.status?.[side] ?? []
    const first = named.find((address) => !this.#isGhost(address))
    return first === this.#self || (first === undefined && named.length > 0)
  }

  #isGhost(address: Address): boolean {
    const since = this.#failures.get(address)?.since
    return since !== undefined && !this.#peers.has(address) && this.#clock.now() - since >= GHOST_MS
  }

  /** Estimated number of nodes in the ring, from the spacing of the nearest and of those they know. */
  get estimatedSize(): number {
    const extend = (side: Side): Address[] => {
      const known = side === 'left' ? this.left : this.right
      const last = known.at(-1)
      const beyond = last === undefined ? undefined : this.#peers.get(last)?.status
      const more = beyond === undefined ? [] : side === 'left' ? beyond.left : beyond.right
      return [...known, ...more]
    }
    return estimateSize(this.#self, extend('left'), extend('right'))
  }

  /** The nearest linked node to `side`. */
  neighbor(side: Side): Address | undefined {
    return side === 'left' ? this.left[0] : this.right[0]
  }

  isNeighbor(address: Address): boolean {
    return this.left[0] === address || this.right[0] === address
  }

  isNear(address: Address): boolean {
    return this.left.includes(address) || this.right.includes(address)
  }

  /** Whether a near node names this one as near itself: what such nodes say of each other is never old. */
  isNamed(address: Address): boolean {
    return [...this.left, ...this.right].some((near) => {
      const status = this.#peers.get(near)?.status
      return status?.left.includes(address) === true || status?.right.includes(address) === true
    })
  }

  /** A lookup named these nodes as near us. */
  suggest(contacts: readonly Contact[]): void {
    for (const contact of contacts) if (contact.address !== this.#self) this.#named.set(contact.address, contact)
    this.evaluate()
  }

  /** A near node is gone: the nodes on its far side are next, and it is not redialled at once when others name it. */
  onLost({ address, status }: Peer): void {
    if (!this.isNear(address) || status === undefined) return
    // In a small ring the same node is near on both sides.
    const beyond = [
      ...(this.left.includes(address) ? status.left : []),
      ...(this.right.includes(address) ? status.right : []),
    ]
    for (const next of beyond) if (!this.#named.has(next) && next !== this.#self) this.#named.set(next, undefined)
    this.#pause(address)
  }

  /** A peer sent its view of the ring. `first`: it had sent none before. */
  onStatus(peer: Peer, first: boolean): void {
    // What the others name was looked at when they named it: a new peer makes no other node belong nearer.
    if (first) this.evaluate([peer])
    else this.#dialMissing([peer])
  }

  /** Recomputes both sides from all peers, and dials nodes that are missing: those that `sources` name. */
  evaluate(sources: Iterable<Peer> = this.#peers.all()): void {
    const linked: Address[] = []
    for (const { address, status } of this.#peers.all()) {
      if (status !== undefined && !this.#peers.isShunned(address)) linked.push(address)
    }
    const left = nearest(this.#self, 'left', linked, NEAR_PER_SIDE)
    const right = nearest(this.#self, 'right', linked, NEAR_PER_SIDE)
    const same = isSameSide(left, this.left) && isSameSide(right, this.right)
    this.left = left
    this.right = right
    this.#dialMissing(sources)
    const agreed = this.#agreed
    this.#agreed = this.bothNeighborsAgree
    if (!same || this.#agreed !== agreed) this.#changed()
  }

  /** Dials nodes named by `sources` or a lookup that belong nearer than the linked ones. */
  #dialMissing(sources: Iterable<Peer>): void {
    const heard = this.#heardFrom(sources)
    if (heard.size === 0) return
    // Neighbours first; spares once the ring is closed here.
    const count = this.bothNeighborsAgree ? NEAR_PER_SIDE : 1
    for (const side of ['left', 'right'] satisfies Side[]) {
      const known = [...(side === 'left' ? this.left : this.right), ...heard.keys()]
      for (const address of nearest(this.#self, side, known, count)) {
        const from = heard.get(address)
        if (from !== undefined) this.#dial(address, from)
      }
    }
  }

  /**
   * Nodes that were named, are not linked and are not in a pause after a failure. Nodes whose dial is slow are left out
   * so that they hold up no other: a dead node is still named for a while by nodes that have not noticed.
   */
  #heardFrom(sources: Iterable<Peer>): Map<Address, Heard> {
    const heard = new Map<Address, Heard>()
    const now = this.#clock.now()
    const reach = this.#reach()
    const add = (address: Address, from: Heard) => {
      if (reach !== undefined && !isBetween(reach.from, address, reach.to)) return
      if (address === this.#self || this.#peers.has(address) || heard.has(address)) return
      if (this.#peers.isShunned(address)) return
      const failure = this.#failures.get(address)
      if (!this.#slow.has(address) && (failure === undefined || failure.until <= now)) heard.set(address, from)
    }
    for (const [address, contact] of this.#named) add(address, { via: undefined, contact })
    for (const { address: via, status } of sources) {
      if (status === undefined) continue
      const from = { via, contact: undefined }
      for (const address of status.left) add(address, from)
      for (const address of status.right) add(address, from)
    }
    return heard
  }

  /** The arc between the outermost near nodes: who is outside belongs no nearer. Undefined while a near node is missing. */
  #reach(): { from: Address; to: Address } | undefined {
    const from = this.left[NEAR_PER_SIDE - 1]
    const to = this.right[NEAR_PER_SIDE - 1]
    if (from === undefined || to === undefined) return undefined
    return isBetween(from, this.#self, to) ? { from, to } : undefined
  }

  #dial(address: Address, { via, contact }: Heard): void {
    if (this.#connector.isTrying(address) || (via !== undefined && !this.#hearsay.heeds(via))) return
    if (via !== undefined) this.#hearsay.onDial(via)
    const patience = this.#clock.after(HEAD_START_MS, () => {
      this.#slow.add(address)
      this.evaluate()
    })
    const end = (isLinked: boolean) => {
      if (via !== undefined) this.#hearsay.onDialEnd(via, isLinked)
      patience.cancel()
      this.#slow.delete(address)
      this.#named.delete(address)
    }
    this.#connector.connect(address, via, contact).then(
      () => {
        end(true)
        this.#failures.delete(address)
      },
      () => {
        end(false)
        this.#pause(address)
        this.evaluate()
      },
    )
  }

  #pause(address: Address): void {
    const known = this.#failures.get(address)
    const backoff = known?.backoff ?? new Backoff({ minMs: REDIAL_MIN_MS, maxMs: REDIAL_MAX_MS })
    const pauseMs = backoff.next()
    const now = this.#clock.now()
    this.#failures.set(address, { backoff, since: known?.since ?? now, until: now + pauseMs })
    this.#clock.after(pauseMs, () => this.evaluate())
    // Forgotten when no dial has failed again for long.
    this.#clock.after(pauseMs + 2 * REDIAL_MAX_MS, () => {
      const failure = this.#failures.get(address)
      if (failure !== undefined && failure.until + REDIAL_MAX_MS < this.#clock.now()) this.#failures.delete(address)
    })
  }
}
