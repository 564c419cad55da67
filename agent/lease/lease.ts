/**
 * A lease: one virtual IP held by one client of this node (paper section 5.2).
 *
 * DHCP sees only this interface, never the DHT.
 */

import type { Ip4, Mac } from '../core/ip.ts'

/** A lease's holder on this tap: the DHCP client identifier if sent, else the MAC; lower-case hex with a prefix. */
export type ClientId = string & { readonly brand: 'ClientId' }

export interface Claim {
  readonly ip: Ip4
  /** How many addresses were tried to get it (paper figure 6). */
  readonly tried: number
}

export interface Lease {
  readonly client: ClientId
  readonly mac: Mac
  readonly ip: Ip4
  /** When the owner must stop using it, in `Clock` time: ttl after the winning request was sent. */
  readonly expiresAt: number
  /** An offer that the client has not requested yet. */
  readonly offered: boolean
}

/**
 * `pool-exhausted`: no address of the pool is free. `taken`: another holds the wanted address, or it must not be
 * leased. `unavailable`: the DHT gave no majority in time; try again.
 */
export type LeaseFailure = 'pool-exhausted' | 'taken' | 'unavailable'

export type LeaseResult<T> = ({ readonly ok: true } & T) | { readonly ok: false; readonly why: LeaseFailure }

export interface Leases {
  /** A short claim for an offer: the client's former address or `wanted` if free, else a random one. */
  offer(client: ClientId, mac: Mac, wanted?: Ip4): Promise<LeaseResult<Claim>>
  /**
   * A full lease of exactly `ip` (REQUEST in any state): confirms an offer, renews a lease, or takes a free address
   * again after a reboot.
   */
  acquire(client: ClientId, mac: Mac, ip: Ip4): Promise<LeaseResult<{ readonly lease: Lease }>>
  /** Gives the client's address back; the same client may get it again unless another took it. */
  release(client: ClientId, ip: Ip4): Promise<void>
  /** The client found the address in use on its wire (RFC 2131 section 4.3.3): keeps it from clients for a while. */
  decline(client: ClientId, ip: Ip4): Promise<void>
  /** This node's live leases and offers. */
  held(): Lease[]
  /** This node's live lease of `ip`, if any. */
  holder(ip: Ip4): Lease | undefined
  /** The same, but undefined while the lease is in doubt: packets must not use it then. */
  usable(ip: Ip4): Lease | undefined
  /** Called when the owner learns that a lease is no longer its own. */
  set onLost(handler: (lease: Lease) => void)
}
