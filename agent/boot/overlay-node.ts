/**
 * A complete overlay node: links over UDP and TCP, ring and DHT, started and stopped in the right order.
 *
 * The agent and the short-lived visitor of `wow namespace create` both use one.
 */

import type { LinkFacts } from '../control/facts.ts'
import type { Clock } from '../core/clock.ts'
import { doneWithin } from '../core/deadline.ts'
import type { WowError } from '../core/errors.ts'
import { DhtNode } from '../dht/dht-node.ts'
import { Ring } from '../overlay/ring.ts'
import type { EitherLinks } from '../transport/either-links.ts'
import { lastingEndpoints } from '../transport/lasting-endpoints.ts'
import { type NodeLinks, type OpenLinksOptions, openLinks } from '../transport/open-links.ts'
import type { Paths } from '../underlay/paths.ts'

/** How long the router's port is kept for the links to end, ms: as long as UDP takes at most. */
const LAST_WORDS_MS = 500

export class OverlayNode {
  readonly links: EitherLinks
  readonly #kinds: NodeLinks
  readonly ring: Ring
  readonly dht: DhtNode
  readonly #clock: Clock
  readonly #connected = new Signal()
  readonly #dhtReady = new Signal()

  /** Resolves when the node listens; it has no links yet. @throws InputError when it cannot listen there. */
  static async open(options: OpenLinksOptions): Promise<OverlayNode> {
    return new OverlayNode(await openLinks(options), options)
  }

  private constructor(kinds: NodeLinks, { clock, random, log, ringKey }: OpenLinksOptions) {
    this.links = kinds.either
    this.#kinds = kinds
    this.#clock = clock
    this.ring = new Ring({
      links: this.links,
      clock,
      random,
      onFault: (error) => log.error('a request of another node failed here', { reason: String(error) }),
    })
    this.dht = new DhtNode({ ring: this.ring, clock, random, shared: ringKey === undefined })
    this.ring.onConnectedChange = (correctlyConnected) => {
      log.info(correctlyConnected ? 'correctly connected' : 'not correctly connected any more')
      if (correctlyConnected) this.#connected.raise()
    }
    this.dht.onReady = () => this.#dhtReady.raise()
    this.ring.start()
  }

  /** The port of TCP and UDP; 0 when the node does not listen. */
  get port(): number {
    return Number(this.#kinds.tcp.listening[0]?.getComponents()[1]?.value ?? 0)
  }

  /** Where to look for the linked nodes after the next start. */
  lastingEndpoints(): string[] {
    const { rules } = this.#kinds.tcp
    return this.ring.contacts().flatMap(({ endpoints }) => lastingEndpoints(endpoints, rules))
  }

  /** Where UDP datagrams reach other nodes. */
  get paths(): Paths {
    return this.#kinds.udp.paths
  }

  /** Why a name that was given leads nowhere; undefined when it does, or is none. */
  nameFailure(text: string): WowError | undefined {
    return this.#kinds.names.failure(text)
  }

  linkFacts(): LinkFacts {
    const { tcp, udp, mapping } = this.#kinds
    const counts = { tcp: tcp.counters(), udp: udp.counters(), datagrams: udp.outcomes(), place: udp.place() }
    return { ...counts, mapping: mapping?.facts(), mappingOutcomes: mapping?.counters() ?? {} }
  }

  /** Resolves when the node is correctly connected for the first time (the paper's T1). */
  get connected(): Promise<void> {
    return this.#connected.raised
  }

  /** Resolves when DHT operations may begin. */
  get dhtReady(): Promise<void> {
    return this.#dhtReady.raised
  }

  /** Leaves the ring by closing all links, and gives the router's port back. The entries stay with their other replicas. */
  async stop(): Promise<void> {
    this.dht.stop()
    const left = this.ring.stop()
    // The last words to peers that came in through the router go out through it.
    await doneWithin(this.#clock, LAST_WORDS_MS, left)
    await Promise.all([left, this.#kinds.mapping?.stop()])
  }
}

class Signal {
  raise: () => void = () => {}
  readonly raised = new Promise<void>((resolve) => {
    this.raise = resolve
  })
}
