/**
 * Virtual IP -> node ("Brunet-ARP", paper section 5.3).
 *
 * Guarantees: one Get answers all simultaneous questions about an address. An answer in use is refreshed before it
 * expires, so an established flow never waits; one that was not in use for a few minutes is used while it is asked for
 * again, as long as the lease that it named has not ended (RFC 5861's stale-while-revalidate). `invalidate` takes effect at
 * once. While the DHT cannot answer, an owner that worked stays valid for a while. `peek` is synchronous and is all that a
 * packet of an established flow needs.
 */

import type { Clock } from '../core/clock.ts'
import type { Counters } from '../core/counters.ts'
import type { Ip4 } from '../core/ip.ts'
import type { Dht, Found } from '../dht/dht.ts'
import { leaseKey, openOwner } from '../lease/lease-entry.ts'
import type { NamespaceKeys } from '../namespace/keys.ts'
import type { Address } from '../overlay/address.ts'
import {
  NEGATIVE_TTL_MS,
  POSITIVE_TTL_MS,
  REFRESH_AT,
  REFRESH_RETRY_MS,
  RESOLVER_CONCURRENCY,
  RESOLVER_ENTRIES,
  STALE_LIMIT_MS,
} from './constants.ts'

interface Entry {
  /** undefined: according to the last answer, nobody holds the address. */
  owner: Address | undefined
  /** When `owner` (or its absence) was learned, must be asked for again, and is no longer believed; `Clock` time. */
  learnedAt: number
  refreshAt: number
  expiresAt: number
  /** A node that said "not mine": until then it is not believed to be the owner, whatever the DHT says. */
  rejected: { owner: Address; until: number } | undefined
  lookup: Promise<Address | undefined> | undefined
}

export interface ResolverParts {
  readonly dht: Pick<Dht, 'get'>
  readonly keys: NamespaceKeys
  readonly clock: Clock
  readonly counters: Counters
}

export class Resolver {
  readonly #parts: ResolverParts
  readonly #entries = new Map<Ip4, Entry>()
  #running = 0
  #onChange: (ip: Ip4) => void = () => {}

  constructor(parts: ResolverParts) {
    this.#parts = parts
  }

  /** What is believed of an address's owner has changed. */
  set onChange(handler: (ip: Ip4) => void) {
    this.#onChange = handler
  }

  /** The owner if it is known now. */
  believed(ip: Ip4): Address | undefined {
    return this.#valid(ip)?.owner
  }

  /** The owner if it is known now; refreshes it in the background when its time is nearly up. */
  peek(ip: Ip4): Address | undefined {
    const entry = this.#valid(ip)
    if (entry?.owner !== undefined && this.#parts.clock.now() >= entry.refreshAt) void this.refresh(ip)
    return entry?.owner
  }

  /** Whether a recent answer says that nobody holds the address. */
  isAbsent(ip: Ip4): boolean {
    const entry = this.#valid(ip)
    return entry !== undefined && entry.owner === undefined
  }

  /** The owner, from memory or with one Get; undefined when nobody holds it or the DHT cannot say. Never rejects. */
  async resolve(ip: Ip4): Promise<Address | undefined> {
    const known = this.peek(ip)
    if (known !== undefined || this.isAbsent(ip)) return known
    return this.#lookup(ip)
  }

  /** Asks the DHT even if the owner is known, and resolves to what is known then. Never rejects. */
  refresh(ip: Ip4): Promise<Address | undefined> {
    return this.#lookup(ip)
  }

  /** `owner` does not hold `ip` after all: forgets it now, and does not accept it again for a moment. */
  invalidate(ip: Ip4, owner: Address): void {
    const entry = this.#entries.get(ip)
    if (entry?.owner !== owner) return
    entry.rejected = { owner, until: this.#parts.clock.now() + NEGATIVE_TTL_MS }
    this.#disown(ip, entry)
  }

  /** Forgets every address of a node that cannot be reached; the DHT may still rightly point to it. */
  forget(owner: Address): void {
    for (const [ip, entry] of this.#entries) {
      if (entry.owner === owner) this.#disown(ip, entry)
    }
  }

  /** The way to `owner` broke: still believes it, but asks now whether its addresses have moved. */
  suspect(owner: Address): void {
    const now = this.#parts.clock.now()
    for (const [ip, entry] of this.#entries) {
      if (entry.owner === owner && now < entry.expiresAt) void this.refresh(ip)
    }
  }

  /** The last answer while it counts. */
  #valid(ip: Ip4): Entry | undefined {
    const entry = this.#entries.get(ip)
    return entry !== undefined && this.#parts.clock.now() < entry.expiresAt ? entry : undefined
  }

  #disown(ip: Ip4, entry: Entry): void {
    entry.owner = undefined
    entry.expiresAt = 0
    this.#onChange(ip)
  }

  #lookup(ip: Ip4): Promise<Address | undefined> {
    const entry = this.#entryFor(ip)
    if (entry.lookup !== undefined) return entry.lookup
    if (this.#running >= RESOLVER_CONCURRENCY) {
      this.#parts.counters.add('resolve-busy')
      return Promise.resolve(undefined)
    }
    this.#running++
    entry.lookup = this.#ask(ip, entry).finally(() => {
      this.#running--
      entry.lookup = undefined
    })
    return entry.lookup
  }

  async #ask(ip: Ip4, entry: Entry): Promise<Address | undefined> {
    const { dht, keys, clock, counters } = this.#parts
    counters.add('resolve-get')
    let found: Found[]
    try {
      found = await dht.get(leaseKey(keys, ip))
    } catch {
      counters.add('resolve-unavailable')
      this.#believeOn(entry, clock.now())
      return entry.owner
    }
    const now = clock.now()
    const best = ownerOf(keys, ip, found)
    const rejected = entry.rejected !== undefined && now < entry.rejected.until ? entry.rejected.owner : undefined
    entry.learnedAt = now
    if (best === undefined || best.owner === rejected) {
      entry.owner = undefined
      entry.expiresAt = now + NEGATIVE_TTL_MS
      this.#onChange(ip)
      return undefined
    }
    const isNews = entry.owner !== best.owner
    entry.owner = best.owner
    entry.refreshAt = now + Math.min(POSITIVE_TTL_MS, best.ttlMs) * REFRESH_AT
    entry.expiresAt = now + Math.min(STALE_LIMIT_MS, best.ttlMs)
    if (isNews) this.#onChange(ip)
    return best.owner
  }

  /** The DHT gave no majority, which says nothing about the owner: the last answer stays valid a little longer. */
  #believeOn(entry: Entry, now: number): void {
    if (entry.owner === undefined) return
    entry.refreshAt = now + REFRESH_RETRY_MS
    entry.expiresAt = Math.max(entry.expiresAt, Math.min(now + 2 * REFRESH_RETRY_MS, entry.learnedAt + STALE_LIMIT_MS))
  }

  #entryFor(ip: Ip4): Entry {
    const known = this.#entries.get(ip)
    if (known !== undefined) return known
    if (this.#entries.size >= RESOLVER_ENTRIES) this.#sweep()
    const entry: Entry = {
      owner: undefined,
      learnedAt: 0,
      refreshAt: 0,
      expiresAt: 0,
      rejected: undefined,
      lookup: undefined,
    }
    this.#entries.set(ip, entry)
    return entry
  }

  #sweep(): void {
    const now = this.#parts.clock.now()
    for (const [ip, entry] of this.#entries) {
      if (entry.lookup === undefined && now >= entry.expiresAt) this.#entries.delete(ip)
    }
    // All entries are alive: the oldest must go.
    for (const ip of this.#entries.keys()) {
      if (this.#entries.size < RESOLVER_ENTRIES) return
      this.#entries.delete(ip)
    }
  }
}

/**
 * The node that most sub-keys name. A renewal seals the same owner again, so two values may name one owner: votes are
 * counted by owner. Values that no member wrote do not count.
 */
function ownerOf(keys: NamespaceKeys, ip: Ip4, found: readonly Found[]): { owner: Address; ttlMs: number } | undefined {
  const tally = new Map<Address, { votes: number; ttlMs: number; majority: boolean }>()
  for (const { value, votes, ttlMs, majority } of found) {
    const owner = openOwner(keys, ip, value)
    if (owner === undefined) continue
    const before = tally.get(owner)
    tally.set(owner, {
      votes: votes + (before?.votes ?? 0),
      ttlMs: Math.max(ttlMs, before?.ttlMs ?? 0),
      majority: majority || (before?.majority ?? false),
    })
  }
  let best: { owner: Address; ttlMs: number; votes: number; majority: boolean } | undefined
  for (const [owner, count] of tally) {
    const better = best === undefined || (count.majority === best.majority ? count.votes > best.votes : count.majority)
    if (better) best = { owner, ...count }
  }
  return best
}
