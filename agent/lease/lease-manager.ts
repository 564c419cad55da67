/**
 * One node's leases: turns DHCP requests into DHT operations (paper section 5.2).
 *
 * Guarantees:
 * - a client gets an address only while this node's password holds a majority of the address's sub-keys;
 * - the owner stops using it ttl after it *sent* the winning request, so before any replica lets go;
 * - another address is tried only when a majority really is held by others; an unclear vote is repeated with the same
 *   password and, given up, is taken back;
 * - after this node was away, it uses no lease before the DHT has confirmed that the lease is still its own;
 * - an offer is a claim of a minute, so that a client which never comes back leaks nothing;
 * - a client gets its former address again while nobody else took it, also after a restart of the agent if the disk took
 *   the lease; a disk that takes nothing stops no lease.
 */

import { type Clock, sleep } from '../core/clock.ts'
import { codeOf } from '../core/errors.ts'
import type { Cidr, Ip4, Mac } from '../core/ip.ts'
import type { Log } from '../core/log.ts'
import type { Random } from '../core/random.ts'
import type { Vigil } from '../core/vigil.ts'
import { CLAIM_TTL_MS } from '../dht/constants.ts'
import type { Dht } from '../dht/dht.ts'
import type { NamespaceKeys } from '../namespace/keys.ts'
import type { Address } from '../overlay/address.ts'
import { AddressPool } from './address-pool.ts'
import { ContestedLeases } from './contested-leases.ts'
import { FormerLeases } from './former-leases.ts'
import { type Held, HeldLeases } from './held-leases.ts'
import type { Claim, ClientId, Lease, LeaseFailure, LeaseResult, Leases } from './lease.ts'
import { leaseKey, sealOwner } from './lease-entry.ts'
import type { LeaseStore } from './lease-store.ts'

/** How long an offer is held, ms: DHCP clients answer within seconds. A claim needs one round trip. */
const OFFER_MS = CLAIM_TTL_MS
/** A client that asks again while its offer has more than this left, ms, gets the same offer. */
const OFFER_REUSE_MS = 15_000
/** Pause between two attempts to confirm a lease in doubt, ms. */
const DOUBT_PAUSE_MS = 250
/** An address that a client found in use on its wire is kept away from all clients, ms. */
const DECLINED_MS = 600_000
/** Tries of a claim whose vote is unclear, and the unit of the random pause after each, ms: it lets two rivals part. */
const UNCLEAR_TRIES = 3
const UNCLEAR_PAUSE_MS = 150
/** After a first address was taken, this many are looked up in parallel before the next is claimed. */
const PROBES = 16
const PASSWORD_BYTES = 32

type ClaimResult = { readonly password: Uint8Array; readonly expiresAt: number } | 'taken' | 'unclear'

export class LeaseManager implements Leases {
  readonly #dht: Dht
  readonly #clock: Clock
  readonly #random: Random
  readonly #self: Address
  readonly #keys: NamespaceKeys
  readonly #pool: AddressPool
  readonly #leaseMs: number
  readonly #held: HeldLeases
  readonly #former: FormerLeases
  readonly #declined = new Map<Ip4, number>()
  /** Addresses that this node is claiming. */
  readonly #claiming = new Set<Ip4>()
  readonly #contested: ContestedLeases
  readonly #vigil: Vigil
  /** Leases in doubt, and since when. */
  readonly #doubted = new Map<Ip4, number>()
  onLost: (lease: Lease) => void = () => {}

  constructor(parts: {
    dht: Dht
    clock: Clock
    random: Random
    self: Address
    keys: NamespaceKeys
    pool: Cidr
    reserved: readonly Ip4[]
    leaseMs: number
    store: LeaseStore
    vigil: Vigil
    log: Log
  }) {
    this.#dht = parts.dht
    this.#clock = parts.clock
    this.#random = parts.random
    this.#self = parts.self
    this.#keys = parts.keys
    this.#pool = new AddressPool(parts.pool, parts.reserved)
    this.#leaseMs = parts.leaseMs
    this.#held = new HeldLeases(parts.clock)
    this.#vigil = parts.vigil
    this.#vigil.onAbsence(() => this.#doubtAll())
    this.#contested = new ContestedLeases({ clock: parts.clock, keys: parts.keys, ask: (ip) => this.#verify(ip) })
    this.#dht.onContested = (subKey) => this.#contested.onContested(subKey, this.#ips())
    this.#former = new FormerLeases(parts)
  }

  async offer(client: ClientId, mac: Mac, wanted?: Ip4): Promise<LeaseResult<Claim>> {
    const held = this.#held.ofClient(client)
    const enoughMs = held?.lease.offered === true ? OFFER_REUSE_MS : 0
    const isSure = held !== undefined && !this.#doubted.has(held.lease.ip)
    if (isSure && held.lease.expiresAt - this.#clock.now() > enoughMs) {
      return { ok: true, ip: held.lease.ip, tried: held.tried }
    }
    let tried = 0
    for await (const ip of this.#candidates(client, wanted)) {
      tried++
      const result = await this.#claim(ip, this.#passwordFor(client, ip), OFFER_MS)
      if (result === 'unclear') return failure('unavailable')
      if (result === 'taken') this.#former.forget(client, ip)
      else {
        const { password, expiresAt } = result
        this.#held.set({ lease: { client, mac, ip, expiresAt, offered: true }, password, tried })
        return { ok: true, ip, tried }
      }
    }
    return failure('pool-exhausted')
  }

  async acquire(client: ClientId, mac: Mac, ip: Ip4): Promise<LeaseResult<{ readonly lease: Lease }>> {
    const held = this.#held.ofClient(client)
    const same = held?.lease.ip === ip ? held : undefined
    if (!this.#mayHave(client, ip)) return failure('taken')
    const password = same?.password ?? this.#passwordFor(client, ip)
    const sentAt = this.#clock.now()
    const value = sealOwner(this.#keys, ip, this.#self, this.#random)
    const outcome = await this.#dht.recreate(leaseKey(this.#keys, ip), password, password, value, this.#leaseMs)
    if (!this.#holdsOneOf(client, [held?.password, password])) {
      // While the answers were in flight, the client gave the lease back or took another.
      this.#takeBack(ip, password)
      return failure('unavailable')
    }
    if (outcome.lost) {
      if (same !== undefined) this.#lose(same)
      this.#former.forget(client, ip)
      return failure('taken')
    }
    if (!outcome.won) return failure('unavailable')
    if (held !== undefined && same === undefined) this.#takeBack(held.lease.ip, held.password)
    this.#confirm(ip, sentAt)
    const lease: Lease = { client, mac, ip, expiresAt: sentAt + this.#leaseMs, offered: false }
    this.#held.set({ lease, password, tried: same?.tried ?? 1 })
    this.#former.set({ client, mac, ip, password })
    return { ok: true, lease }
  }

  async release(client: ClientId, ip: Ip4): Promise<void> {
    const held = this.#held.ofClient(client)
    if (held?.lease.ip !== ip) return
    this.#held.delete(held)
    // A later claim of this address uses another password: a late deletion must not hit the new claim.
    this.#former.set({ client, mac: held.lease.mac, ip, password: this.#random.bytes(PASSWORD_BYTES) })
    await this.#dht.delete(leaseKey(this.#keys, ip), held.password)
  }

  async decline(client: ClientId, ip: Ip4): Promise<void> {
    this.#declined.set(ip, this.#clock.now() + DECLINED_MS)
    // The entry stays until it expires: it also keeps the address from every other node.
    const held = this.#held.ofClient(client)
    if (held?.lease.ip === ip) this.#held.delete(held)
    this.#former.forget(client, ip)
  }

  /**
   * Asks the DHT whether the leases are still this node's: while it was cut off, others may have got them. Calls
   * `onLost` for each lease that is gone.
   */
  async verify(): Promise<void> {
    await Promise.all(this.#ips().map((ip) => this.#contested.raise(ip)))
  }

  held(): Lease[] {
    return this.#held.all().map(({ lease }) => lease)
  }

  holder(ip: Ip4): Lease | undefined {
    const lease = this.#held.ofIp(ip)?.lease
    return lease?.offered === false ? lease : undefined
  }

  usable(ip: Ip4): Lease | undefined {
    this.#vigil.look()
    return this.#doubted.has(ip) ? undefined : this.holder(ip)
  }

  /** This node was away: puts every lease in doubt until the DHT gives a clear answer. */
  #doubtAll(): void {
    for (const held of this.#held.all()) {
      const { ip, offered } = held.lease
      const isNew = !this.#doubted.has(ip)
      // The client of an offer asks again.
      if (offered) this.#held.delete(held)
      else this.#doubted.set(ip, this.#clock.now())
      if (!offered && isNew) void this.#settle(ip)
    }
  }

  async #settle(ip: Ip4): Promise<void> {
    while (this.#doubted.has(ip)) {
      if (this.#held.ofIp(ip) === undefined) this.#doubted.delete(ip)
      else {
        await this.#verify(ip)
        if (this.#doubted.has(ip)) await sleep(this.#clock, DOUBT_PAUSE_MS)
      }
    }
  }

  /** A majority accepted what was sent at `sentAt`, so the lease was this node's then. */
  #confirm(ip: Ip4, sentAt: number): void {
    if (sentAt >= (this.#doubted.get(ip) ?? 0)) this.#doubted.delete(ip)
  }

  /** The former address, the wanted one, then random ones; the first at once, later ones after a look that they are free. */
  async *#candidates(client: ClientId, wanted: Ip4 | undefined): AsyncGenerator<Ip4> {
    const tried = new Set<Ip4>()
    const fresh = (ip: Ip4 | undefined): ip is Ip4 => ip !== undefined && !tried.has(ip) && this.#mayHave(client, ip)
    for (const ip of [this.#former.of(client)?.ip, wanted]) {
      if (!fresh(ip)) continue
      tried.add(ip)
      yield ip
    }
    const batch: Ip4[] = []
    for (const ip of this.#pool.shuffled(this.#random)) {
      if (!fresh(ip)) continue
      const first = tried.size === 0
      tried.add(ip)
      if (first) yield ip
      else if (batch.push(ip) === PROBES) yield* await this.#free(batch.splice(0))
    }
    yield* await this.#free(batch)
  }

  /** Those of `ips` that no majority holds. An address whose state is unclear counts as free; its claim will tell. */
  async #free(ips: readonly Ip4[]): Promise<Ip4[]> {
    const looks = ips.map(async (ip) => {
      try {
        const found = await this.#dht.get(leaseKey(this.#keys, ip))
        return !found.some(({ majority }) => majority)
      } catch (error) {
        if (codeOf(error) === 'DHT_UNAVAILABLE') return true
        throw error
      }
    })
    const free = await Promise.all(looks)
    return ips.filter((_, i) => free[i])
  }

  /** Whether this node may claim `ip` for `client`, as far as it knows without the DHT. */
  #mayHave(client: ClientId, ip: Ip4): boolean {
    if (!this.#pool.has(ip) || (this.#declined.get(ip) ?? 0) > this.#clock.now()) return false
    const holder = this.#held.ofIp(ip)?.lease.client
    return (holder === undefined || holder === client) && !this.#claiming.has(ip)
  }

  async #claim(ip: Ip4, firstPassword: Uint8Array, ttlMs: number): Promise<ClaimResult> {
    const key = leaseKey(this.#keys, ip)
    const value = sealOwner(this.#keys, ip, this.#self, this.#random)
    let password = firstPassword
    this.#claiming.add(ip)
    try {
      for (let i = 0; i < UNCLEAR_TRIES; i++) {
        const sentAt = this.#clock.now()
        const outcome = await this.#dht.create(key, password, value, ttlMs)
        if (outcome.won) return { password, expiresAt: sentAt + ttlMs }
        if (outcome.lost) {
          this.#takeBack(ip, password)
          return 'taken'
        }
        if (outcome.votes.includes('taken')) {
          // A rival has the rest. Both let go and retry; a new password protects the new claim from a late deletion.
          this.#takeBack(ip, password)
          password = this.#random.bytes(PASSWORD_BYTES)
        }
        await sleep(this.#clock, UNCLEAR_PAUSE_MS * (1 + 2 * i) * this.#random.float())
      }
      this.#takeBack(ip, password)
      return 'unclear'
    } finally {
      this.#claiming.delete(ip)
    }
  }

  /** Renews the entry to learn whether it is still this node's; the client's lease time is not extended. */
  async #verify(ip: Ip4): Promise<void> {
    const held = this.#held.ofIp(ip)
    if (held === undefined || held.lease.offered) return
    const { lease, password } = held
    const value = sealOwner(this.#keys, ip, this.#self, this.#random)
    const sentAt = this.#clock.now()
    const outcome = await this.#dht.recreate(leaseKey(this.#keys, ip), password, password, value, this.#leaseMs)
    if (outcome.won) this.#confirm(ip, sentAt)
    if (outcome.lost && this.#holdsOneOf(lease.client, [password])) {
      this.#lose(held)
      this.#former.forget(lease.client, ip)
    }
  }

  /** Whether the client holds a lease under one of these passwords; undefined stands for no lease. */
  #holdsOneOf(client: ClientId, passwords: readonly (Uint8Array | undefined)[]): boolean {
    return passwords.includes(this.#held.ofClient(client)?.password)
  }

  #ips(): Ip4[] {
    return this.#held.all().map(({ lease }) => lease.ip)
  }

  /** Deletes in the background what a claim left behind; copies out of reach expire by themselves. */
  #takeBack(ip: Ip4, password: Uint8Array): void {
    void this.#dht.delete(leaseKey(this.#keys, ip), password)
  }

  #passwordFor(client: ClientId, ip: Ip4): Uint8Array {
    const former = this.#former.of(client)
    return former?.ip === ip ? former.password : this.#random.bytes(PASSWORD_BYTES)
  }

  #lose(held: Held): void {
    this.#held.delete(held)
    if (!held.lease.offered) this.onLost(held.lease)
  }
}

function failure(why: LeaseFailure): { ok: false; why: LeaseFailure } {
  return { ok: false, why }
}
