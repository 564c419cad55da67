/**
 * The way into the ring: while this node has no link, it dials the known endpoints, round after round.
 *
 * Guarantees: one reachable node is enough. An endpoint that turns out to be this node is no longer dialled. A node
 * with no endpoints is a ring of one at once; a node that lost all its links becomes one after `ALONE_AFTER_MS`, but
 * keeps trying.
 */

import { Backoff } from '../core/backoff.ts'
import type { Clock, Timer } from '../core/clock.ts'
import { timeLimit } from '../core/deadline.ts'
import type { Random } from '../core/random.ts'
import { ALONE_AFTER_MS, BOOTSTRAP_RETRY_MAX_MS, BOOTSTRAP_RETRY_MIN_MS, DIAL_TIMEOUT_MS } from './constants.ts'
import type { Link, LinkLayer } from './link.ts'

export class Bootstrap {
  readonly #links: LinkLayer
  readonly #clock: Clock
  readonly #random: Random
  readonly #linked: () => boolean
  readonly #adopt: (link: Link) => void
  readonly #setAlone: () => void
  #endpoints: string[] = []
  #everLinked = false
  readonly #backoff = new Backoff({ minMs: BOOTSTRAP_RETRY_MIN_MS, maxMs: BOOTSTRAP_RETRY_MAX_MS })
  #round: Timer | undefined
  #aloneTimer: Timer | undefined
  #stopped = false
  #arrive: () => void = () => {}

  /** Resolves when the first link comes up or this node becomes alone. */
  readonly arrived = new Promise<void>((resolve) => {
    this.#arrive = resolve
  })

  constructor(parts: {
    links: LinkLayer
    clock: Clock
    random: Random
    /** Whether any link is up. */
    linked: () => boolean
    adopt: (link: Link) => void
    setAlone: () => void
  }) {
    this.#links = parts.links
    this.#clock = parts.clock
    this.#random = parts.random
    this.#linked = parts.linked
    this.#adopt = parts.adopt
    this.#setAlone = parts.setAlone
  }

  start(endpoints: readonly string[]): void {
    this.#endpoints = [...new Set(endpoints)]
    if (this.#endpoints.length === 0) this.#setAlone()
    else this.#begin()
  }

  /** A node on the LAN announced itself. */
  async meet(endpoint: string): Promise<void> {
    if (!this.#stopped) await this.#dial(endpoint)
  }

  /** A link came up. */
  onLinked(): void {
    this.#everLinked = true
    this.#aloneTimer?.cancel()
    this.#round?.cancel()
    this.#arrive()
  }

  /** No other node was found: this node is the whole ring. */
  onAlone(): void {
    this.#arrive()
  }

  /** The last link went down. */
  onIsolated(): void {
    if (this.#stopped) return
    if (this.#endpoints.length > 0) this.#begin()
    this.#aloneTimer = this.#clock.after(this.#endpoints.length > 0 ? ALONE_AFTER_MS : 0, () => this.#setAlone())
  }

  stop(): void {
    this.#stopped = true
    this.#round?.cancel()
    this.#aloneTimer?.cancel()
  }

  #begin(): void {
    this.#backoff.reset()
    this.#seek()
  }

  #seek(): void {
    this.#round?.cancel()
    void Promise.all(this.#endpoints.map((endpoint) => this.#dial(endpoint)))
    const jitter = 0.8 + 0.4 * this.#random.float()
    this.#round = this.#clock.after(this.#backoff.next() * jitter, () => {
      if (!this.#linked()) this.#seek()
    })
  }

  async #dial(endpoint: string): Promise<void> {
    const limit = timeLimit(this.#clock, DIAL_TIMEOUT_MS)
    try {
      const link = await this.#links.dialEndpoint(endpoint, limit.signal)
      if (link.peer !== this.#links.self) return this.#adopt(link)
      link.close()
      this.#forget(endpoint)
    } catch {
      // The next round tries again; the caller reports what stays unreachable.
    } finally {
      limit.cancel()
    }
  }

  #forget(endpoint: string): void {
    this.#endpoints = this.#endpoints.filter((other) => other !== endpoint)
    if (this.#endpoints.length === 0 && !this.#everLinked) this.#setAlone()
  }
}
