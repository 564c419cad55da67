/** Worlds on the loopback, where real time passes. */

import assert from 'node:assert/strict'
import type { LinkLayer } from '../../agent/overlay/link.ts'
import type { LinkWorld } from './link-layer.suite.ts'

/** How long `until` waits before it fails the test, ms: generous, for a loaded machine; it measures nothing. */
const PATIENCE_MS = 20_000

export class RealWorld<Options, Links extends LinkLayer> implements LinkWorld {
  readonly #open: (options: Partial<Options>) => Promise<Links>
  readonly #nodes: Links[] = []

  constructor(open: (options: Partial<Options>) => Promise<Links>) {
    this.#open = open
  }

  async node(options: Partial<Options> = {}): Promise<Links> {
    const node = await this.#open(options)
    this.#nodes.push(node)
    return node
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return promise
  }

  async until(condition: () => boolean): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS
    while (!condition()) {
      if (performance.now() > deadline) assert.fail(`never came true: ${condition}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.stop()))
  }
}
