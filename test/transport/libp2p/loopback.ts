/** Real libp2p nodes on the loopback, for tests. */

import assert from 'node:assert/strict'
import { SILENT } from '../../../agent/core/log.ts'
import { createIdentity } from '../../../agent/transport/identity.ts'
import { createLibp2pLinks, type Libp2pLinks, type Libp2pLinksOptions } from '../../../agent/transport/libp2p/links.ts'
import type { LinkWorld } from '../link-layer.suite.ts'

/** How long `until` waits before it fails the test, ms: generous, for a loaded machine; it measures nothing. */
const PATIENCE = 20_000

export class Loopback implements LinkWorld {
  readonly #nodes: Libp2pLinks[] = []

  async node(options: Partial<Libp2pLinksOptions> = {}): Promise<Libp2pLinks> {
    const node = await createLibp2pLinks({
      identity: await createIdentity(),
      listen: ['/ip4/127.0.0.1/tcp/0'],
      announce: [],
      mdns: false,
      log: SILENT,
      ...options,
    })
    this.#nodes.push(node)
    return node
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return promise
  }

  async until(condition: () => boolean): Promise<void> {
    const deadline = performance.now() + PATIENCE
    while (!condition()) {
      if (performance.now() > deadline) assert.fail(`never came true: ${condition}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.stop()))
  }
}
