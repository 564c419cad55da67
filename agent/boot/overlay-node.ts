/**
 * A complete overlay node: links, ring and DHT, started and stopped in the right order.
 *
 * The agent and the short-lived visitor of `wow namespace create` both use one.
 */

import type { Clock } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import type { Random } from '../core/random.ts'
import { DhtNode } from '../dht/dht-node.ts'
import { Ring } from '../overlay/ring.ts'
import type { Identity } from '../transport/identity.ts'
import { createLibp2pLinks, type Libp2pLinks } from '../transport/libp2p/links.ts'

export interface OverlayNodeOptions {
  readonly identity: Identity
  readonly listen: readonly string[]
  readonly announce: readonly string[]
  readonly mdns: boolean
  /** See `Libp2pLinksOptions`. */
  readonly ringKey: Uint8Array | undefined
  /** Our own taps: the overlay must not run over itself. */
  readonly hiddenInterfaces?: readonly string[]
  readonly log: Log
  readonly clock: Clock
  readonly random: Random
}

export class OverlayNode {
  readonly links: Libp2pLinks
  readonly ring: Ring
  readonly dht: DhtNode
  readonly #connected = new Signal()
  readonly #dhtReady = new Signal()

  /** Resolves when the node listens; it has no links yet. @throws InputError when it cannot listen there. */
  static async open(options: OverlayNodeOptions): Promise<OverlayNode> {
    return new OverlayNode(await createLibp2pLinks(options), options)
  }

  private constructor(links: Libp2pLinks, { clock, random, log, ringKey }: OverlayNodeOptions) {
    this.links = links
    this.ring = new Ring({
      links,
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

  /** Resolves when the node is correctly connected for the first time (the paper's T1). */
  get connected(): Promise<void> {
    return this.#connected.raised
  }

  /** Resolves when DHT operations may begin. */
  get dhtReady(): Promise<void> {
    return this.#dhtReady.raised
  }

  /** Leaves the ring by closing all links. The entries stay with their other replicas. */
  async stop(): Promise<void> {
    this.dht.stop()
    await this.ring.stop()
  }
}

class Signal {
  raise: () => void = () => {}
  readonly raised = new Promise<void>((resolve) => {
    this.raise = resolve
  })
}
