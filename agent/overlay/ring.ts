/**
 * One node of the ring: assembles the overlay's parts and presents them as `Overlay`. `Adoption` takes links in;
 * `Dispatch` handles the frames that come in on them.
 */

import type { Clock } from '../core/clock.ts'
import { encode } from '../core/codec.ts'
import type { Random } from '../core/random.ts'
import { Vigil } from '../core/vigil.ts'
import { Absence } from './absence.ts'
import type { Address } from './address.ts'
import { Admission } from './admission.ts'
import { Adoption } from './adoption.ts'
import { Bootstrap } from './bootstrap.ts'
import { Connectivity } from './connectivity.ts'
import { Connector } from './connector.ts'
import { Dispatch } from './dispatch.ts'
import { DuplicateIdentity } from './duplicate-identity.ts'
import { FarLinks } from './far-links.ts'
import { GivenUp } from './given-up.ts'
import type { Contact, Link, LinkLayer, Priority } from './link.ts'
import { LinkUpkeep } from './link-upkeep.ts'
import { Liveness } from './liveness.ts'
import { LostNeighbors } from './lost-neighbors.ts'
import { type Frame, frameCodec } from './messages.ts'
import { NearLinks } from './near-links.ts'
import type { Side } from './neighborhood.ts'
import { OnDemandLinks } from './on-demand-links.ts'
import {
  type Answer,
  type Overlay,
  type RequestHandler,
  type RequestOptions,
  SERVICES,
  type Service,
} from './overlay.ts'
import { type Peer, Peers } from './peers.ts'
import { RingMerge } from './ring-merge.ts'
import { ringService } from './ring-service.ts'
import { type RingStatus, ringStatus } from './ring-status.ts'
import { Router } from './router.ts'
import { Routine } from './routine.ts'
import { SelfLookup } from './self-lookup.ts'
import { StatusExchange } from './status-exchange.ts'
import { Upgrades } from './upgrades.ts'

export class Ring implements Overlay {
  readonly self: Address
  readonly #links: LinkLayer
  readonly #peers: Peers
  readonly #router: Router
  readonly #connector: Connector
  readonly #near: NearLinks
  readonly #connectivity: Connectivity
  readonly vigil: Vigil
  readonly #admission: Admission
  readonly #liveness: Liveness
  readonly #routine: Routine
  readonly #selfLookup: SelfLookup
  readonly #upgrades: Upgrades
  readonly #lost: LostNeighbors
  readonly #statuses: StatusExchange
  readonly #givenUp: GivenUp
  readonly #onDemand: OnDemandLinks
  readonly #bootstrap: Bootstrap
  readonly #dispatch: Dispatch
  readonly #adoption: Adoption
  readonly #merge: RingMerge
  readonly #unlinked: ((peer: Address) => void)[] = []
  #stopped = false

  /** The ring closed or opened around this node. */
  onConnectedChange: (correctlyConnected: boolean) => void = () => {}
  /** Correctly connected again after an outage in which others may have gone on without this node. */
  onReturn: () => void = () => {}
  /** A near node came, went or changed places, or this node became alone or stopped being alone. */
  onNeighborsChange: () => void = () => {}
  /** Another node with this identity has been on the ring for longer. */
  onTwin: () => void = () => {}

  constructor(parts: { links: LinkLayer; clock: Clock; random: Random; onFault: (error: unknown) => void }) {
    const { links, clock, random } = parts
    const world = { links, clock, random }
    const self = links.self
    const send = (to: Address, frame: Frame, priority?: Priority) => this.#send(to, frame, priority)
    const adopt = (link: Link) => void this.#adopt(link)
    this.self = self
    this.vigil = new Vigil(clock)
    this.#links = links
    const peers = new Peers(self, clock)
    const router = new Router({
      self,
      peers,
      clock,
      send,
      isChosen: (peer) => this.#near.isNear(peer) || (peers.get(peer)?.roles.size ?? 0) > 0,
      onSilence: (peer) => this.#liveness.suspect(peer),
      onFault: parts.onFault,
    })
    this.#givenUp = new GivenUp(clock)
    const connector = new Connector({ links, router, clock, adopt, peers, givenUp: this.#givenUp })
    const near = new NearLinks({ self, peers, clock, connector, changed: () => this.#onNearChange() })
    this.#peers = peers
    this.#router = router
    this.#connector = connector
    this.#near = near
    this.#connectivity = new Connectivity({ peers, near, clock })
    const joined = () => this.#connectivity.joined
    this.#admission = new Admission({ self, peers, near, clock })
    this.#selfLookup = new SelfLookup({ self, peers, router, near, connector, clock, random, joined })
    this.#upgrades = new Upgrades({ links, peers, clock, connector })
    this.#lost = new LostNeighbors({ clock, connector, isLinked: (peer) => peers.has(peer) })
    const epoch = random.below(2 ** 32)
    this.#statuses = new StatusExchange({ links, peers, near, epoch, joined, givenUp: this.#givenUp, send })
    this.#onDemand = new OnDemandLinks({ self, peers, connector, statuses: this.#statuses, clock })
    this.#liveness = new Liveness({
      ...{ self, peers, clock },
      isNeighbor: (address) => near.isNeighbor(address),
      ping: ({ address }) => send(address, { kind: 'ping' }),
      dead: (peer) => this.#drop(peer),
    })
    this.#bootstrap = new Bootstrap({
      ...world,
      linked: () => peers.size > 0,
      adopt: (link) => this.#enterBy(link),
      setAlone: () => this.#setAlone(),
    })
    this.#merge = new RingMerge({
      ...world,
      size: () => this.estimatedSize,
      isLinked: (endpoint) => peers.listensAt(endpoint),
      ...{ adopt, isInRing: (peer) => peers.has(peer) || near.isNamed(peer) },
      lookUp: (through) => void this.#selfLookup.ask(through),
    })
    const duplicates = new DuplicateIdentity({
      ...{ clock, random },
      prove: (nonce) => links.prove(nonce),
      isOwnProof: (nonce, proof) => links.isOwnProof(nonce, proof),
      send: (link, frame) => void link.send(encode(frameCodec, frame), 'control'),
      onTwin: () => this.onTwin(),
    })
    this.#routine = new Routine({
      ...{ vigil: this.vigil, clock, random, liveness: this.#liveness, near },
      far: new FarLinks({ self, peers, router, connector, random }),
      upkeep: new LinkUpkeep({ links, clock, peers, near, upgrades: this.#upgrades }),
      ...{ connectivity: this.#connectivity, statuses: this.#statuses, lost: this.#lost, selfLookup: this.#selfLookup },
    })
    const absence = new Absence({
      ...{ vigil: this.vigil, givenUp: this.#givenUp, liveness: this.#liveness, connectivity: this.#connectivity },
      ...{ peers, near, clock, send, review: () => this.#review() },
    })
    this.#dispatch = new Dispatch({
      ...{ vigil: this.vigil, peers, router, clock, duplicates, send },
      ...{ admission: this.#admission, statuses: this.#statuses },
      onStatus: (peer, isFirst) => this.#onStatus(peer, isFirst),
      onGivenUp: (peer, agoMs) => absence.onGivenUp(peer, agoMs),
      onAway: (peer, forMs) => absence.onAway(peer, forMs),
    })
    this.#adoption = new Adoption({
      ...{ self, clock, peers, admission: this.#admission, duplicates, dispatch: this.#dispatch },
      linked: (peer, isFirst) => this.#onLinked(peer, isFirst),
      closed: (link) => this.#onClose(link),
    })
    router.serve(SERVICES.ring, ringService({ links, peers, near, connector }))
  }

  /** Starts answering others; `bootstrap` starts looking for them. */
  start(): void {
    this.#links.onLink = (link) => this.#adopt(link)
    this.#links.onEndpoints = () => void (this.#statuses.spreadEndpoints() && this.#connector.askAgain())
    this.#links.onDiscovered = (endpoint) =>
      void (this.#connectivity.joined ? this.#merge : this.#bootstrap).meet(endpoint)
    this.vigil.start()
    this.#merge.start()
    this.#routine.start()
  }

  /** Joins the ring of any of `endpoints`; without one this node is a ring of one. Resolves when linked or alone. */
  bootstrap(endpoints: readonly string[]): Promise<void> {
    this.#bootstrap.start(endpoints)
    this.#merge.give(endpoints)
    return this.#peers.size > 0 || this.alone ? Promise.resolve() : this.#bootstrap.arrived
  }

  get correctlyConnected(): boolean {
    return this.#connectivity.correct
  }

  /** No other node is known: this node is the whole ring. */
  get alone(): boolean {
    return this.#connectivity.alone
  }

  /** The nearest linked node to `side`. */
  neighbor(side: Side): Address | undefined {
    return this.#near.neighbor(side)
  }

  isNear(peer: Address): boolean {
    return this.#near.isNear(peer)
  }

  get routedTimeoutMs(): number {
    return this.#router.routedTimeoutMs
  }

  /** A neighbour does not do its share of what lies above the ring: the ring closes around it. */
  shun(peer: Address): void {
    this.#peers.shun(peer)
    this.#near.evaluate()
    this.#review()
  }

  get estimatedSize(): number {
    return this.#near.estimatedSize
  }

  request(service: Service, target: Address, body: Uint8Array, options?: RequestOptions): Promise<Answer> {
    return this.#router.request(service, target, body, options)
  }

  serve(service: Service, handler: RequestHandler): void {
    this.#router.serve(service, handler)
  }

  connect(peer: Address, signal?: AbortSignal, known?: Contact): Promise<void> {
    return this.#onDemand.connect(peer, signal, known)
  }

  datagram(peer: Address, body: Uint8Array): boolean {
    return this.#onDemand.datagram(peer, body)
  }

  suspect(peer: Address): void {
    this.#liveness.suspect(peer)
  }

  set onDatagram(handler: (peer: Address, body: Uint8Array) => void) {
    this.#dispatch.onDatagram = handler
  }

  onUnlinked(handler: (peer: Address) => void): void {
    this.#unlinked.push(handler)
  }

  /** Nodes worth remembering for the next start. */
  contacts(): Contact[] {
    return this.#peers.contacts()
  }

  status(): RingStatus {
    const counts = { malformedFrames: this.#dispatch.malformed, excessFrames: this.#admission.dropped }
    return ringStatus(this.#peers, this.#near, { correctlyConnected: this.correctlyConnected, ...counts })
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#bootstrap.stop()
    this.#merge.stop()
    this.vigil.stop()
    this.#routine.stop()
    this.#router.stop()
    for (const { link } of [...this.#peers.all()]) link.close()
    await this.#links.stop()
  }

  #adopt(link: Link): Peer | undefined {
    if (this.#stopped) link.close()
    return this.#stopped ? undefined : this.#adoption.adopt(link)
  }

  /** A way into the ring, or, for a node that has found its place, perhaps into another ring. */
  #enterBy(link: Link): void {
    const peer = this.#adopt(link)
    if (this.#connectivity.joined) void this.#selfLookup.ask(link.peer)
    else peer?.roles.add('bootstrap')
  }

  #onLinked(peer: Peer, isFirst: boolean): void {
    this.#statuses.introduce(peer)
    if (!isFirst) return
    this.#bootstrap.onLinked()
    this.#connector.onLinked(peer.address)
    if (!this.#connectivity.joined) void this.#selfLookup.ask(peer.address)
  }

  #onStatus(peer: Peer, isFirst: boolean): void {
    this.#near.onStatus(peer, isFirst)
    if (isFirst) this.#upgrades.onMet(peer)
    this.#review()
  }

  #send(to: Address, frame: Frame, priority: Priority = 'control'): boolean {
    return this.#peers.get(to)?.link.send(encode(frameCodec, frame), priority) ?? false
  }

  /** Closes a dead peer's link without waiting for the transport to notice. */
  #drop(peer: Peer): void {
    this.#givenUp.giveUp(peer.address)
    peer.link.close()
    this.#onClose(peer.link)
  }

  #onClose(link: Link): void {
    const peer = this.#peers.get(link.peer)
    if (!this.#peers.remove(link) || this.#stopped) return
    this.#givenUp.onClosed(link.peer)
    if (peer !== undefined) this.#merge.remember({ ...peer, endpoints: peer.endpoints.slice(0, 1) })
    if (peer !== undefined && this.#near.isNear(peer.address)) {
      this.#lost.remember(peer)
      this.#near.onLost(peer)
    }
    this.#router.onUnlinked(link.peer)
    this.#near.evaluate()
    this.#review()
    for (const handler of this.#unlinked) handler(link.peer)
    if (this.#peers.size === 0) this.#bootstrap.onIsolated()
  }

  #onNearChange(): void {
    this.#statuses.spread()
    this.onNeighborsChange()
    this.#review()
  }

  #setAlone(): void {
    if (this.#stopped || !this.#connectivity.becomeAlone()) return
    this.#bootstrap.onAlone()
    this.#review()
    this.onNeighborsChange()
  }

  /** Checks whether the ring is closed around this node, and reports changes. */
  #review(): void {
    const { joinedChanged, correctChanged, returned, foundOthers } = this.#connectivity.review()
    if (joinedChanged) {
      for (const { roles } of this.#peers.all()) if (this.#connectivity.joined) roles.delete('bootstrap')
      this.#statuses.spread()
    }
    if (correctChanged) {
      if (returned) this.onReturn()
      this.#near.evaluate()
      if (this.correctlyConnected) this.#routine.balance()
      this.onConnectedChange(this.correctlyConnected)
    }
    if (foundOthers) this.onNeighborsChange()
  }
}
