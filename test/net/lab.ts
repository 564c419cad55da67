/** Several virtual networks in one process and virtual time. */

import { type Cidr, type Ip4, type Mac, parseCidr, parseIp4 } from '../../agent/core/ip.ts'
import { deriveKeys, type NamespaceKeys } from '../../agent/namespace/keys.ts'
import type { FastPath } from '../../agent/net/lane/fast-path.ts'
import { VirtualNetwork } from '../../agent/net/network.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { echoRequest, frameOf } from '../packet/frames.ts'
import { FakeTap, MemoryDht, MemoryLeases, type MemoryOverlay, MemoryWorld } from './doubles.ts'

export const POOL = parseCidr('10.128.0.0/16') as Cidr

export function ip(text: string): Ip4 {
  const parsed = parseIp4(text)
  if (parsed === undefined) throw new Error(`${text} is no address`)
  return parsed
}

export interface Host {
  readonly tap: FakeTap
  readonly leases: MemoryLeases
  readonly overlay: MemoryOverlay
  readonly network: VirtualNetwork
  readonly ip: Ip4
  readonly mac: Mac
}

export class Lab {
  readonly clock = new VirtualClock()
  readonly random = new SeededRandom(7)
  readonly world = new MemoryWorld(this.clock)
  readonly dht = new MemoryDht(this.clock)
  readonly taken = new Map<Ip4, string>()
  readonly keys = deriveKeys('testnamespace', new Uint8Array(32).fill(1))
  #made = 0

  /** A node with its tap, and one client with a lease behind it. */
  host(
    address: string,
    options: {
      keys?: NamespaceKeys
      node?: bigint
      mtu?: number
      leaseKeys?: NamespaceKeys
      fast?: (leases: MemoryLeases) => FastPath
    } = {},
  ): Host {
    this.#made++
    const keys = options.keys ?? this.keys
    const overlay = this.world.node(options.node ?? BigInt(this.#made) * 1_000_003n)
    const tap = new FakeTap(options.mtu)
    const mac = `02:aa:00:00:00:0${this.#made}` as Mac
    const { clock, random, dht, taken } = this
    const leases = new MemoryLeases({
      dht,
      self: overlay.self,
      keys: options.leaseKeys ?? keys,
      clock,
      random,
      pool: POOL,
      taken,
    })
    leases.grant(ip(address), mac)
    const fast = options.fast?.(leases)
    const parts = { tap, overlay, dht, leases, pool: POOL, keys, clock, random }
    const network = new VirtualNetwork({ ...parts, ...(fast && { fast }) })
    network.start()
    return { tap, leases, overlay, network, ip: ip(address), mac }
  }

  /** Sends one echo request from `from`'s client to an address, runs for 100 ms, and returns what `to`'s tap got. */
  async ping(from: Host, to: Host, target: Ip4 = to.ip, source: Ip4 = from.ip): Promise<Uint8Array[]> {
    to.tap.take()
    from.tap.inject(frameOf(echoRequest(source, target), from.mac))
    await this.clock.runFor(100)
    return to.tap.take()
  }
}
