/**
 * The part of an agent that is a namespace's member: a tap, the virtual network on it, leases, and the namespace's
 * record.
 */

import type { CondorPool } from '../condor/pool.ts'
import type { CondorSettings } from '../condor/settings.ts'
import type { NamespaceFacts } from '../control/facts.ts'
import type { Phases } from '../control/phases.ts'
import { hmac, utf8 } from '../core/bytes.ts'
import type { Clock } from '../core/clock.ts'
import { formatIp4, type Ip4, type Mac, macFromBytes } from '../core/ip.ts'
import type { Log } from '../core/log.ts'
import type { Random } from '../core/random.ts'
import { wakeClient } from '../host/wake-client.ts'
import { LeaseManager } from '../lease/lease-manager.ts'
import { reservedOf } from '../namespace/record.ts'
import type { Lanes } from '../native/lanes.ts'
import { FastPath } from '../net/lane/fast-path.ts'
import { VirtualNetwork } from '../net/network.ts'
import { EarlyTap } from '../net/tap/early-tap.ts'
import { KernelTap } from '../net/tap/kernel-tap.ts'
import { type Address, addressBytes } from '../overlay/address.ts'
import type { OverlayNode } from './overlay-node.ts'
import type { Membership } from './plan.ts'
import { RecordDuty } from './record-duty.ts'

export interface MemberParts {
  readonly node: OverlayNode
  readonly tap: EarlyTap
  /** The tables of the tap's fast path, which the node's UDP sockets have, too. */
  readonly lanes: Lanes
  readonly membership: Membership
  readonly phases: Phases
  /** undefined: no pool. */
  readonly condor: CondorSettings | undefined
  /** See `AgentConfig.onLost`. */
  readonly onLost: string | undefined
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/**
 * Makes the tap; calls `onGone` when it is deleted from outside.
 *
 * Its MAC comes from the node's address: a DHCP client that sees the same MAC after a restart asks for its old lease.
 * @throws InputError
 */
export function openTap(options: {
  name: string
  mtu: number | undefined
  node: Address
  onGone: (code: string) => void
}): { tap: EarlyTap; lanes: Lanes; offloads: KernelTap['offloads'] } {
  const { name, mtu, node, onGone } = options
  const tap = KernelTap.open({ name, mac: macOf(node), ...(mtu === undefined ? {} : { mtu }) })
  tap.onGone = onGone
  return { tap: new EarlyTap(tap), lanes: tap.lanes, offloads: tap.offloads }
}

/** Unicast, locally administered (IEEE 802). */
function macOf(node: Address): Mac {
  const bytes = hmac(utf8('wow tap mac'), addressBytes(node)).subarray(0, 6)
  bytes[0] = ((bytes[0] ?? 0) & 0xfc) | 0x02
  return macFromBytes(bytes)
}

export class Member {
  readonly #parts: MemberParts
  readonly #leases: LeaseManager
  readonly #network: VirtualNetwork
  readonly #record: RecordDuty
  #addressesTried: number | undefined
  #pool: CondorPool | undefined
  /** This machine's own address; machines behind the tap have their own. */
  #own: Ip4 | undefined
  #stopped = false

  constructor(parts: MemberParts) {
    this.#parts = parts
    const { node, tap, membership, clock, random, log } = parts
    const { keys, token } = membership
    const { record } = token.signed
    const common = { dht: node.dht, keys, clock, random, log }
    const { pool, domain } = record
    const leaseMs = record.leaseS * 1000
    this.#leases = new LeaseManager({
      ...common,
      self: node.ring.self,
      pool,
      reserved: reservedOf(record),
      leaseMs,
      store: membership.leases,
      vigil: node.ring.vigil,
    })
    this.#network = new VirtualNetwork({
      ...common,
      tap,
      overlay: node.ring,
      leases: this.#leases,
      pool,
      leaseMs,
      fast: new FastPath({
        ...{ tables: parts.lanes, paths: node.paths, leases: this.#leases, vigil: node.ring.vigil },
        ...{ clock, random },
      }),
      ...(domain === undefined ? {} : { domain }),
    })
    this.#network.onBound = ({ lease, tried }) => {
      this.#addressesTried ??= tried
      if (lease.mac === tap.mac) this.#bound(lease.ip)
      parts.phases.reach('leased', { ip: formatIp4(lease.ip), mac: lease.mac, tried })
    }
    this.#network.onLost = (lease) => {
      if (parts.onLost !== undefined) wakeClient(parts.onLost, { tap: tap.name, lease, log })
    }
    // While it was cut off, this node may have missed that its leases expired and went to others.
    node.ring.onReturn = () => {
      void this.#leases.verify()
      this.#pool?.verify()
    }
    this.#record = new RecordDuty({ ...common, namespace: membership, phases: parts.phases })
  }

  /** Handles frames from now on; DHCP clients wait until `serve`. */
  start(): void {
    this.#network.start()
  }

  /** The DHT answers: serves the clients that waited, then looks after the namespace's record. */
  async serve(): Promise<void> {
    this.#network.setReady()
    await this.#record.serve()
  }

  /** Joins the HTCondor pool, if one is configured; only then is that code loaded. */
  async joinPool(): Promise<void> {
    const { condor, membership, node, tap, phases, clock, random, log } = this.#parts
    if (condor === undefined) return
    const { CondorPool } = await import('../condor/pool.ts')
    if (this.#stopped) return
    this.#pool = new CondorPool({
      ...{ dht: node.dht, clock, random, log, settings: condor, tap: tap.name },
      keys: membership.keys,
      signed: membership.token.signed,
      self: node.ring.self,
      alone: () => node.ring.alone,
      onJoined: (joined) => phases.reachAgain('pool', joined),
    })
    if (this.#own !== undefined) this.#pool.bound(this.#own)
  }

  #bound(ip: Ip4): void {
    this.#own = ip
    this.#pool?.bound(ip)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    // First, while the network still works, so that another machine takes over at once.
    await this.#pool?.stop()
    this.#record.stop()
    this.#network.stop()
    this.#parts.tap.close()
  }

  facts(): NamespaceFacts {
    const { node, tap, clock } = this.#parts
    const { keeper } = this.#record
    const now = clock.now()
    const peerIds = new Map(node.ring.contacts().map(({ address, endpoints }) => [address, peerIdIn(endpoints)]))
    return {
      signed: keeper.signed,
      recordState: keeper.state,
      recordDetail: keeper.detail,
      tap: tap.name,
      leases: this.#leases
        .held()
        .filter(({ offered }) => !offered)
        .map(({ ip, mac, expiresAt }) => ({ ip, mac, expiresInS: Math.max(0, Math.floor((expiresAt - now) / 1000)) })),
      refused: this.#network.dhcpProblem,
      lost: this.#network.lost,
      addressesTried: this.#addressesTried,
      tunnels: this.#network.tunnels().map(({ peer, rttMs, ...rest }) => ({
        ...rest,
        peerId: peerIds.get(peer),
        rttMs: rttMs ?? undefined,
      })),
      counters: this.#network.counters(),
      condor: this.#pool?.facts(),
    }
  }
}

/** Every endpoint of a node, even a relayed one, ends with the node's peer id. */
function peerIdIn(endpoints: readonly string[]): string | undefined {
  return endpoints[0]?.split('/p2p/').at(-1)
}
